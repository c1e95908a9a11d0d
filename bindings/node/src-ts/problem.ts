// `HttpProblem`: what a handler throws to answer with a problem document (RFC 9457).
//
// The engine writes the document; here it is only described.

import { Headers, type HeaderInit } from "./headers.js";

/** What a problem says besides its status. Further members become members of the document. */
export interface ProblemInit {
  /** Short, the same for all problems of the type. The status's own unless given. */
  title?: string | undefined;
  /** What happened this time. */
  detail?: string | undefined;
  /** A URI that names the type of problem. The status's own unless given. */
  type?: string | undefined;
  /** Header fields of the reply. */
  headers?: HeaderInit | undefined;
  [extension: string]: unknown;
}

/**
 * Answers with a problem document when it is thrown.
 *
 * @example throw new HttpProblem(404, { detail: "No such user", userId: 7 });
 */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  readonly title: string | undefined;
  readonly detail: string | undefined;
  readonly type: string | undefined;
  readonly headers: Headers;
  /** Further members of the document, in order. */
  readonly extensions: Record<string, unknown>;

  constructor(status: number, init: ProblemInit = {}) {
    const { title, detail, type, headers, ...extensions } = init;
    super([status, title, detail].filter((word) => word !== undefined).join(" "));
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.type = type;
    this.headers = new Headers(headers);
    this.extensions = extensions;
  }

  /** What the engine needs to write the document. */
  toDocument(): string {
    const headers = [...this.headers];
    const { status, title, detail, type, extensions } = this;
    return JSON.stringify({
      status,
      title,
      detail,
      type,
      headers: headers.length > 0 ? headers : undefined,
      extensions: Object.keys(extensions).length > 0 ? extensions : undefined,
    });
  }
}

/** The problem that a document of the engine's tells of, as if it had been thrown. */
export function problemOf(status: number, document: Uint8Array): HttpProblem {
  let members: ProblemInit = {};
  try {
    const parsed: unknown = JSON.parse(Buffer.from(document).toString());
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      members = { ...parsed };
    }
  } catch {
    // A reply that is no document tells of nothing but its status.
  }
  delete members["status"];
  return new HttpProblem(status, members);
}
