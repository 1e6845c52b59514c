// Records what a real API server answers: reads the CRDs and cases.json, validates each case with the API server's
// own code, and prints the cases with the causes it gives. See ../README.md.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

type testCase struct {
	Name   string                 `json:"name"`
	Object map[string]interface{} `json:"object"`
	Old    map[string]interface{} `json:"old,omitempty"`
	Causes []cause                `json:"causes"`
}

type cause struct {
	Field   string `json:"field"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func schemas(folder string) map[string]*apiextensions.JSONSchemaProps {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	must(err)
	found := map[string]*apiextensions.JSONSchemaProps{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(err)
		var external v1.CustomResourceDefinition
		must(yaml.UnmarshalStrict(data, &external))
		v1.SetDefaults_CustomResourceDefinition(&external)
		v1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
		var internal apiextensions.CustomResourceDefinition
		must(scheme.Convert(&external, &internal, nil))
		internal.Status.StoredVersions = []string{"v1alpha1"}
		if errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), &internal); len(errs) > 0 {
			must(fmt.Errorf("%s is refused: %v", file, errs.ToAggregate()))
		}
		props := internal.Spec.Validation
		if props == nil {
			props = internal.Spec.Versions[0].Schema
		}
		found[internal.Spec.Names.Kind] = props.OpenAPIV3Schema
	}
	return found
}

func check(props *apiextensions.JSONSchemaProps, one *testCase) {
	structural, err := schema.NewStructural(props)
	must(err)
	validator, _, err := validation.NewSchemaValidator(props)
	must(err)
	var errs field.ErrorList
	defaulting.PruneNonNullableNullsWithoutDefaults(one.Object, structural)
	defaulting.Default(one.Object, structural)
	var old interface{}
	if one.Old != nil {
		defaulting.Default(one.Old, structural)
		old = one.Old
		errs = append(errs, validation.ValidateCustomResourceUpdate(nil, one.Object, one.Old, validator)...)
	} else {
		errs = append(errs, validation.ValidateCustomResource(nil, one.Object, validator)...)
	}
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, structural, one.Object)...)
	blocked := false
	for _, e := range errs {
		switch e.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			blocked = true
		}
	}
	if !blocked {
		celErrs, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).Validate(context.Background(), nil, structural, one.Object, old, celconfig.RuntimeCELCostBudget)
		errs = append(errs, celErrs...)
	}
	one.Causes = []cause{}
	for _, e := range errs {
		one.Causes = append(one.Causes, cause{Field: e.Field, Reason: string(e.Type), Message: e.ErrorBody()})
	}
	sort.SliceStable(one.Causes, func(i, j int) bool { return one.Causes[i].Field < one.Causes[j].Field })
}

func main() {
	props := schemas(os.Args[1])
	data, err := os.ReadFile(os.Args[2])
	must(err)
	var cases []testCase
	must(utiljson.Unmarshal(data, &cases))
	// json.Unmarshal into a struct leaves numbers of nested maps as float64; the server has int64.
	for i := range cases {
		cases[i].Object = integers(cases[i].Object).(map[string]interface{})
		if cases[i].Old != nil {
			cases[i].Old = integers(cases[i].Old).(map[string]interface{})
		}
		given, err := json.Marshal(cases[i].Object)
		must(err)
		check(props[cases[i].Object["kind"].(string)], &cases[i])
		cases[i].Object = map[string]interface{}{}
		must(json.Unmarshal(given, &cases[i].Object))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	out.SetEscapeHTML(false)
	must(out.Encode(cases))
}

func integers(value interface{}) interface{} {
	switch typed := value.(type) {
	case float64:
		if typed == float64(int64(typed)) {
			return int64(typed)
		}
	case map[string]interface{}:
		for key, child := range typed {
			typed[key] = integers(child)
		}
	case []interface{}:
		for i, child := range typed {
			typed[i] = integers(child)
		}
	}
	return value
}
