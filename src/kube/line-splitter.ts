/**
 * Cuts a stream of bytes into lines. It splits bytes, not characters: a chunk may end inside a UTF-8 sequence, and
 * the byte 0x0A never occurs inside one. What is buffered is bounded, so that a broken server cannot eat the memory.
 */
const NEWLINE = 0x0a;

export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

export class LineSplitter {
  readonly #maxLineBytes: number;
  #partial: Buffer[] = [];
  #partialBytes = 0;

  /** Lines longer than `maxLineBytes` (> 0) end in `LineTooLong`. */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The lines that `chunk` completes, without their newline and without empty ones. Throws `LineTooLong`. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      const line = this.rest();
      if (line !== "") lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  /** What came after the last newline; empties the buffer. */
  rest(): string {
    const text = Buffer.concat(this.#partial, this.#partialBytes).toString("utf8");
    this.#partial = [];
    this.#partialBytes = 0;
    return text;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#partialBytes += part.length;
    if (this.#partialBytes > this.#maxLineBytes)
      throw new LineTooLong(`a line is longer than ${this.#maxLineBytes} bytes`);
    this.#partial.push(part);
  }
}
