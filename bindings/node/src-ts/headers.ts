// Header fields: `Headers` of a reply, a list that keeps order and repeats; and `RequestHeaders`,
// an object by lower-case names that hooks may change.
//
// Why not the platform's: it joins repeated lines and sorts them, and what is sent must be what was
// set.

/** Header fields as they may be given. */
export type HeaderInit =
  | Readonly<Record<string, string | number | readonly string[] | undefined>>
  | Iterable<readonly [string, string]>;

/** Header fields in order. Names ignore case. */
export class Headers implements Iterable<[string, string]> {
  /** @internal Name, value, name, value. */
  _flat: string[] = [];

  constructor(init?: HeaderInit) {
    if (init === undefined) {
      return;
    }
    if (Symbol.iterator in init) {
      for (const [name, value] of init as Iterable<readonly [string, string]>) {
        this._flat.push(String(name), String(value));
      }
      return;
    }
    for (const [name, value] of Object.entries(init)) {
      if (Array.isArray(value)) {
        for (const each of value as string[]) {
          this._flat.push(name, String(each));
        }
      } else if (value !== undefined) {
        this._flat.push(name, String(value));
      }
    }
  }

  /** The first value of a field, or null. */
  get(name: string): string | null {
    return this.getAll(name)[0] ?? null;
  }

  /** All values of a field, in order. */
  getAll(name: string): string[] {
    const wanted = name.toLowerCase();
    return [...this].filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value);
  }

  /** Whether there is such a field. */
  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** One field in place of all of this name, where the first of them stood. */
  set(name: string, value: string): void {
    const wanted = name.toLowerCase();
    const at = [...this].findIndex(([each]) => each.toLowerCase() === wanted);
    if (at < 0) {
      this.append(name, value);
      return;
    }
    const before = this._flat.slice(0, 2 * at);
    const behind = this._flat.slice(2 * at + 2);
    this._flat = [...before, name, String(value), ...without(behind, wanted)];
  }

  /** One more field. */
  append(name: string, value: string): void {
    this._flat.push(name, String(value));
  }

  /** No field of this name. */
  delete(name: string): void {
    this._flat = without(this._flat, name.toLowerCase());
  }

  /** Name and value of each, in order. */
  *[Symbol.iterator](): Iterator<[string, string]> {
    for (let at = 0; at < this._flat.length; at += 2) {
      yield [this._flat[at] as string, this._flat[at + 1] as string];
    }
  }

  /** An object by lower-case names; repeats are joined. */
  toJSON(): Record<string, string> {
    return joined(this._flat);
  }
}

function without(flat: string[], wanted: string): string[] {
  const kept: string[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    if ((flat[at] as string).toLowerCase() !== wanted) {
      kept.push(flat[at] as string, flat[at + 1] as string);
    }
  }
  return kept;
}

/** Fields by lower-case names. A field that came twice is joined as its syntax has it. */
function joined(flat: readonly string[]): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (let at = 0; at < flat.length; at += 2) {
    const name = (flat[at] as string).toLowerCase();
    const value = flat[at + 1] as string;
    const before = found[name];
    found[name] = before === undefined ? value : before + (name === "cookie" ? "; " : ", ") + value;
  }
  return found;
}

/**
 * The header fields of a request: `request.headers["x-name"]`, or `request.headers.get("X-Name")`.
 *
 * Hooks may change them with `set`, `append` and `delete` until the handler has the request:
 * routing, validation and the handler see what they made of it. A field that is called as one of
 * the methods is only found by `get`.
 */
export type RequestHeaders = Readonly<Record<string, string | undefined>> & HeaderMethods;

/** @internal The header fields of a request; changes go into `edits`, if it is given. */
export function requestHeaders(flat: string[], edits: string[] | undefined): RequestHeaders {
  const headers = new HeaderMethods();
  Object.defineProperty(headers, FLAT, { value: flat, writable: true });
  Object.defineProperty(headers, EDITS, { value: edits, writable: true });
  show(headers);
  return headers as unknown as RequestHeaders;
}

/** What the headers of a request can do. */
export class HeaderMethods {
  /** The value of a field, repeats joined, or null. */
  get(name: string): string | null {
    const values = this.getAll(name);
    return values.length === 0 ? null : values.join(name.toLowerCase() === "cookie" ? "; " : ", ");
  }

  /** All values of a field, in order. */
  getAll(name: string): string[] {
    const wanted = name.toLowerCase();
    const flat = state(this)[FLAT];
    return flat.filter((_, at) => at % 2 === 1 && flat[at - 1]?.toLowerCase() === wanted);
  }

  /** Whether there is such a field. */
  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  /** One field in place of all of this name. */
  set(name: string, value: string): void {
    const before = state(this)[FLAT];
    const fields = new Headers();
    fields._flat = before;
    fields.set(name, value);
    change(this, ["set", name, String(value)], fields._flat);
  }

  /** One more field. */
  append(name: string, value: string): void {
    change(this, ["add", name, String(value)], [...state(this)[FLAT], name, String(value)]);
  }

  /** No field of this name. */
  delete(name: string): void {
    change(this, ["remove", name, ""], without(state(this)[FLAT], name.toLowerCase()));
  }

  /** Name as sent and value of each, in order. */
  *entries(): IterableIterator<[string, string]> {
    const flat = state(this)[FLAT];
    for (let at = 0; at < flat.length; at += 2) {
      yield [flat[at] as string, flat[at + 1] as string];
    }
  }
}

const FLAT = Symbol("fields");
const EDITS = Symbol("edits");

interface State {
  [FLAT]: string[];
  [EDITS]: string[] | undefined;
}

function state(headers: HeaderMethods): State {
  return headers as unknown as State;
}

/** Makes each field a property. */
function show(headers: HeaderMethods): void {
  const fields = joined(state(headers)[FLAT]);
  for (const name of Object.keys(fields)) {
    if (!(name in HeaderMethods.prototype)) {
      (headers as unknown as Record<string, unknown>)[name] = fields[name];
    }
  }
}

function change(headers: HeaderMethods, edit: [string, string, string], flat: string[]): void {
  const edits = state(headers)[EDITS];
  if (edits === undefined) {
    throw new Error("the headers of a request are changed by hooks, before its handler has it");
  }
  edits.push(...edit);
  for (const name of Object.keys(headers)) {
    delete (headers as unknown as Record<string, unknown>)[name];
  }
  state(headers)[FLAT] = flat;
  show(headers);
}

/** @internal No further change is for the engine. */
export function closeHeaders(headers: RequestHeaders): void {
  state(headers)[EDITS] = undefined;
}
