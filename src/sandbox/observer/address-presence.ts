/** Whether an address is configured in a network namespace, from its forwarding table `/proc/net/fib_trie` (proc(5)). */
export function holdsLocalAddress(fibTrie: string, address: string): boolean {
  const lines = fibTrie.split("\n");
  return lines.some(
    (line, index) => line.endsWith(`|-- ${address}`) && /^\s*\/32 host LOCAL/.test(lines[index + 1] ?? ""),
  );
}
