/**
 * The annotation of client-side apply, kept in step when the same person goes on with server-side apply: a later
 * client-side apply computes from it what was removed.
 *
 * Source: k8s.io/apimachinery/pkg/util/managedfields/internal/lastappliedupdater.go
 */
import { isJsonObject, type ApiObject } from "../json.ts";

const ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";
/** The real server does this for no other manager. */
const MANAGER = "kubectl";
/** Longer ones are left out: all annotations together may not be larger. */
const MAX_LENGTH = 262_144;

export function syncLastApplied(applied: ApiObject, config: ApiObject, manager: string): ApiObject {
  const annotations = applied.metadata.annotations ?? {};
  if (manager !== MANAGER || annotations[ANNOTATION] === undefined) return applied;
  const { managedFields: _managers, ...metadata } = config.metadata;
  const given = Object.entries(metadata.annotations ?? {}).filter(([key]) => key !== ANNOTATION);
  if (metadata.annotations !== undefined) metadata.annotations = Object.fromEntries(given);
  const text = `${JSON.stringify(sorted({ ...config, metadata }))}\n`;
  if (text.length > MAX_LENGTH || annotations[ANNOTATION] === text) return applied;
  return { ...applied, metadata: { ...applied.metadata, annotations: { ...annotations, [ANNOTATION]: text } } };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  );
}
