// Schemas as they may be given, to JSON Schema as the engine reads it; and the types they stand
// for.
//
// Three kinds: JSON Schema itself, TypeBox (which is JSON Schema with a type), and zod 4 or
// whatever else says how it is JSON Schema. What a zod schema does beyond that (transforms,
// refinements) is not run: the value that arrives is the one that was sent, and judged by the JSON
// Schema.

import { createRequire } from "node:module";
import { join } from "node:path";

import { RouteError } from "./errors.js";

/** A JSON Schema (2020-12). */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** A schema of TypeBox, by its type alone. */
export interface TypedSchema {
  readonly static: unknown;
}

/** A schema of zod 4, by its types alone. */
export interface ZodLike {
  readonly _zod: { readonly input: unknown; readonly output: unknown };
}

/** A schema in any of the kinds. */
export type Schema = JsonSchema | TypedSchema | ZodLike;

/** The type of the values that satisfy a schema; unknown where it does not say. */
export type Infer<S> = S extends { readonly _zod: { readonly input: infer T } }
  ? T
  : S extends { readonly static: infer T }
    ? T
    : FromJsonSchema<S>;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Flat<T> = { [Key in keyof T]: T[Key] } & {};

/** The type of a JSON Schema that is written out. */
export type FromJsonSchema<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly anyOf: readonly (infer Option)[] }
      ? Infer<Option>
      : S extends { readonly oneOf: readonly (infer Option)[] }
        ? Infer<Option>
        : S extends { readonly type: readonly (infer Name)[] }
          ? Name extends string
            ? OfType<Name, S>
            : unknown
          : S extends { readonly type: infer Name extends string }
            ? OfType<Name, S>
            : S extends { readonly properties: infer _ }
              ? OfObject<S>
              : unknown;

type OfType<Name extends string, S> = Name extends "string"
  ? string
  : Name extends "number" | "integer"
    ? number
    : Name extends "boolean"
      ? boolean
      : Name extends "null"
        ? null
        : Name extends "array"
          ? S extends { readonly items: infer Item }
            ? Infer<Item>[]
            : unknown[]
          : Name extends "object"
            ? OfObject<S>
            : unknown;

type OfObject<S> = S extends { readonly properties: infer Properties }
  ? S extends { readonly required: readonly (infer Names)[] }
    ? Flat<
        { -readonly [Key in Extract<keyof Properties, Names>]: Infer<Properties[Key]> } & {
          -readonly [Key in Exclude<keyof Properties, Names>]?: Infer<Properties[Key]>;
        }
      >
    : Flat<Mutable<{ [Key in keyof Properties]?: Infer<Properties[Key]> }>>
  : Record<string, unknown>;

/** A schema as JSON Schema. Throws RouteError, with `what` it is of, for one that is none. */
export function jsonSchema(schema: Schema, what: string): JsonSchema {
  if (typeof schema !== "object" && typeof schema !== "function") {
    throw new RouteError(`${what} is a schema, not ${typeof schema}`);
  }
  const converted = standard(schema) ?? zod(schema, what) ?? (schema as JsonSchema);
  // Symbols and functions that a library keeps in its schemas are gone with this.
  return JSON.parse(JSON.stringify(converted)) as JsonSchema;
}

/** What a schema says itself, where it follows Standard JSON Schema. */
function standard(schema: any): JsonSchema | undefined {
  const convert = schema["~standard"]?.jsonSchema?.input;
  return typeof convert === "function" ? convert({ target: "draft-2020-12" }) : undefined;
}

/** What zod makes of its own schema, found where the program finds it. */
function zod(schema: any, what: string): JsonSchema | undefined {
  if (schema._zod === undefined) {
    if (schema._def !== undefined && typeof schema.safeParse === "function") {
      throw new RouteError(`${what} is a schema of zod 3; zod 4 can say how it is JSON Schema`);
    }
    return undefined;
  }
  const program = process.argv[1] ?? join(process.cwd(), "program");
  for (const from of [program, __filename]) {
    try {
      const { toJSONSchema } = createRequire(from)("zod");
      return toJSONSchema(schema, { io: "input", target: "draft-2020-12" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") {
        throw new RouteError(`${what} cannot be JSON Schema: ${(error as Error).message}`);
      }
    }
  }
  throw new RouteError(`${what} is a schema of zod, which cannot be found from ${program}`);
}

/** The properties of an object's schema: each with its own, and whether it is required. */
export function properties(
  schema: JsonSchema,
  what: string,
): { name: string; schema: JsonSchema; required: boolean }[] {
  const { properties: found, required = [], $defs, definitions } = schema as any;
  if (typeof found !== "object" || found === null) {
    throw new RouteError(`${what} is the schema of an object with properties, one per parameter`);
  }
  const shared = { ...($defs && { $defs }), ...(definitions && { definitions }) };
  return Object.entries<JsonSchema>(found).map(([name, own]) => ({
    name,
    schema: { ...own, ...shared },
    required: required.includes(name),
  }));
}
