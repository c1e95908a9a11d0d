// Books in memory: a body that a schema describes, a problem, an error handler, a group and a test.
//
// The compiler knows the type of `body` from the schema and that of `params` from the path. Run it
// with Node 22.18 or newer, or compile it first: `node examples/node/books.mts`.

import { HttpProblem, reply, Spikard, TestClient } from "@spikard/node";

const Book = {
  type: "object",
  properties: {
    title: { type: "string", minLength: 1 },
    pages: { type: "integer", minimum: 1 },
  },
  required: ["title", "pages"],
  additionalProperties: false,
} as const;

class Missing extends Error {}

export const app = new Spikard();
const shelf = new Map<number, { title: string; pages: number }>();

app.setErrorHandler(Missing, ({ message }) => new HttpProblem(404, { detail: message }));

app.register(
  (books) => {
    books.post("", { body: Book }, ({ body }) => {
      const id = shelf.size + 1;
      shelf.set(id, body);
      return reply({ id }, { statusCode: 201, headers: { location: `/books/${id}` } });
    });
    books.get("/{id:int}", async ({ params }) => {
      const book = shelf.get(params.id);
      if (book === undefined) {
        throw new Missing(`there is no book ${params.id}`);
      }
      return book;
    });
  },
  { prefix: "/books" },
);

const client = new TestClient(app);
const made = await client.post("/books", { json: { title: "Middlemarch", pages: 880 } });
console.log(made.statusCode, made.headers.get("location"));
console.log((await client.get("/books/1")).json());
console.log((await client.get("/books/2")).json());
console.log((await client.post("/books", { json: { pages: 0 } })).json().errors);
await client.close();
