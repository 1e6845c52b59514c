/** The XML of Route 53's REST API, as far as its calls here need it: elements without attributes, read and written. */

export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/";

/** One element; `content` undefined: none at all. Numbers and booleans as their text. */
export function element(
  name: string,
  content: string | number | boolean | readonly (string | undefined)[] | undefined,
): string | undefined {
  if (content === undefined) return undefined;
  if (typeof content === "object") return `<${name}>${content.join("")}</${name}>`;
  return `<${name}>${escape(String(content))}</${name}>`;
}

export function documentXml(name: string, content: readonly (string | undefined)[]): string {
  return `<?xml version="1.0"?>\n<${name} xmlns="${NAMESPACE}">${content.join("")}</${name}>`;
}

export function errorXml(code: string, message: string, requestId: string): string {
  const error = element("Error", [element("Type", "Sender"), element("Code", code), element("Message", message)]);
  return documentXml("ErrorResponse", [error, element("RequestId", requestId)]);
}

interface Opened {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

const TOKEN = /<\?[^>]*\?>|<(\/?)([A-Za-z][A-Za-z0-9]*)[^>]*?(\/?)>|([^<]+)/g;

/** The root element; undefined when the text is no XML of this kind. */
export function readXml(text: string): XmlElement | undefined {
  const opened: Opened[] = [{ name: "", children: [], text: "" }];
  for (const [, closing, name, empty, characters] of text.matchAll(TOKEN)) {
    const top = opened.at(-1);
    if (top === undefined) return undefined;
    if (characters !== undefined) top.text += unescape(characters);
    else if (name === undefined) continue;
    else if (empty === "/") top.children.push({ name, text: "", children: [] });
    else if (closing === "") opened.push({ name, children: [], text: "" });
    else {
      if (top.name !== name) return undefined;
      opened.pop();
      opened.at(-1)?.children.push(top);
    }
  }
  const [root] = opened;
  return opened.length === 1 ? root?.children[0] : undefined;
}

export function childOf(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  return parent?.children.find((child) => child.name === name);
}

export function textOf(parent: XmlElement | undefined, name: string): string | undefined {
  return childOf(parent, name)?.text.trim();
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function unescape(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
