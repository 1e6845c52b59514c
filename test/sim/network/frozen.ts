/** Objects of the server are shared by everybody who reads them; whoever writes into one is found at once. */
const frozen = new WeakSet<object>();

export function shared<T>(object: unknown): T {
  freeze(object);
  return object as T;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || frozen.has(value)) return;
  frozen.add(value);
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
