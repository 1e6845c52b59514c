module record

go 1.22.0

require (
	k8s.io/apiextensions-apiserver v0.31.4
	k8s.io/apimachinery v0.31.4
	k8s.io/apiserver v0.31.4
	sigs.k8s.io/yaml v1.4.0
)
