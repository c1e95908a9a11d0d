// A program as users write one, and what the compiler must know of it.
//
// It is compiled, strictly, and never run. `@ts-expect-error` marks what must not compile.

import {
  HttpProblem,
  redirect,
  reply,
  Spikard,
  TestClient,
  type Infer,
  type Logger,
  type PathParams,
  type Request,
  type ServerConfig,
  type UploadFile,
} from "@spikard/node";
import { Type } from "@sinclair/typebox";
import { z } from "zod";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._: Same<A, B> extends true ? [] : [never]): void {}

const app = new Spikard({ maxBodySize: 1000 });

// The pattern of the path.
app.get("/users/{id:int}/files/{name}/:part", ({ params }) => {
  same<typeof params, { id: number; name: string; part: string }>();
  // @ts-expect-error the path has no such parameter
  void params.nobody;
  return { id: params.id.toFixed(0) };
});
app.get("/flags/{on:bool}/{rest:path}", ({ params }) => {
  same<typeof params, { on: boolean; rest: string }>();
  return null;
});
app.get("/plain", ({ params, query }) => {
  same<typeof params, {}>();
  same<typeof query, Record<string, string | string[]>>();
  return query["a"];
});
same<PathParams<"/a/{b:float}">["b"], number>();

// JSON Schema that is written out.
app.post(
  "/books",
  {
    body: {
      type: "object",
      properties: {
        title: { type: "string" },
        pages: { type: "integer" },
        kind: { enum: ["novel", "poem"] },
        tags: { type: "array", items: { type: "string" } },
        author: {
          type: "object",
          properties: { name: { type: "string" } },
          required: ["name"],
        },
      },
      required: ["title", "tags"],
    },
    query: {
      type: "object",
      properties: { limit: { type: "integer" }, q: { type: ["string", "null"] } },
      required: ["q"],
    },
  },
  ({ body, query }) => {
    same<
      typeof body,
      {
        title: string;
        tags: string[];
        pages?: number;
        kind?: "novel" | "poem";
        author?: { name: string };
      }
    >();
    same<typeof query, { q: string | null; limit?: number }>();
    return reply(body, { statusCode: 201 });
  },
);

// zod.
const Account = z.object({ name: z.string(), age: z.number().int().optional() });
app.put("/accounts/{id:int}", { body: Account }, async ({ body, params }) => {
  same<typeof body, { name: string; age?: number | undefined }>();
  same<typeof params, { id: number }>();
  return { name: body.name };
});
same<Infer<typeof Account>, { name: string; age?: number | undefined }>();

// TypeBox, and a schema of the path's parameters.
const Point = Type.Object({ x: Type.Number(), y: Type.Optional(Type.Number()) });
app.patch(
  "/points/{id}",
  { body: Point, params: Type.Object({ id: Type.Integer() }), response: Point },
  ({ body, params }) => {
    same<typeof params, { id: number }>();
    return { x: body.x + params.id };
  },
);
app.get("/wrong", { response: Point }, () => {
  // @ts-expect-error the response has another shape
  const result: { x: number } = { x: "1" };
  return result;
});
// @ts-expect-error the handler's result does not satisfy the response's schema
app.get("/wrong/too", { response: Point }, () => ({ x: "1" }));

// Bytes, files, and results of every kind.
app.post("/bytes", { media: "bytes" }, ({ body }) => {
  same<typeof body, Buffer>();
  return body;
});
app.post("/files", { files: { photo: { types: ["image/*"], maxSize: 1000 } } }, (request) => {
  const file: UploadFile | undefined = request.file("photo");
  return file?.bytes();
});
app.delete("/away", () => redirect("/plain", { statusCode: 303 }));
app.head("/plain", () => undefined);
app.options("/plain", async () => Response.json({ a: 1 }));
app.route(["GET", "POST"], "/both/{id}", ({ params }) => params.id.length);
// @ts-expect-error there is no such option
app.get("/options", { bodySchema: 1 }, () => 1);
// @ts-expect-error a handler is a function
app.get("/handler", 7);

// Hooks, groups, errors, life.
class Late extends Error {
  seconds = 1;
}
app
  .onRequest(({ headers }) => headers.set("x-a", "b"))
  .preHandler(async (request: Request) => {
    request.state["user"] = request.header("authorization");
  })
  .onResponse((made) => void made.headers.append("x-seen", String(made.statusCode)))
  .onError((made) => {
    made.statusCode = 503;
    return made;
  })
  .setErrorHandler(Late, (error, request) => reply(error.seconds, { headers: { a: request.path } }))
  .onReady(async () => {})
  .onClose(() => {});
app.register(
  (group) => {
    group.get("/{id:int}", ({ params }) => params.id + 1);
  },
  { prefix: "/group", requestTimeout: 1, cors: { allowedOrigins: ["*"] } },
);

const config: ServerConfig = { port: 0, compression: { gzip: true }, rateLimit: null };
// @ts-expect-error a misspelled key of the configuration
const misspelled: ServerConfig = { requestTimeOut: 1 };
const logger: Logger = console;

export async function main(): Promise<void> {
  void [misspelled, logger, new HttpProblem(404, { detail: "x", userId: 7 })];
  const { port } = await app.listen(config);
  same<typeof port, number>();
  await app.close();
  const client = new TestClient(app, { transport: "socket" });
  const made = await client.post("/books", { json: {}, params: { q: "a" }, cookies: { a: "b" } });
  same<typeof made.statusCode, number>();
  await app.run({ workers: 4 });
}
