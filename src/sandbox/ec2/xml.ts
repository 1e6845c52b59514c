/** Writes the XML of EC2's answers: an object becomes elements in order, a list becomes `item` elements, undefined nothing. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [element: string]: XmlValue };

/** The namespace of the API version that the SDK sends. */
const NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/";

export function responseXml(action: string, requestId: string, body: XmlValue): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${NAMESPACE}"><requestId>${requestId}</requestId>${write(body)}</${action}Response>`;
}

export function errorXml(code: string, message: string, requestId: string): string {
  const body = write({ Errors: { Error: { Code: code, Message: message } }, RequestID: requestId });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${body}</Response>`;
}

function write(value: XmlValue): string {
  if (value === undefined) return "";
  if (typeof value !== "object") return escape(String(value));
  if (Array.isArray(value)) return value.map((item: XmlValue) => `<item>${write(item)}</item>`).join("");
  return Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .map(([element, child]) => `<${element}>${write(child)}</${element}>`)
    .join("");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
