// A refusal of the server (RFC 9457), or the absence of any answer, as one kind of error.

export interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  missing?: string[];
}

/** status 0: no answer came, so it is not known whether the request had an effect. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly missing: string[];

  constructor(status: number, body: ProblemBody) {
    const title = body.title ?? TITLES[status] ?? `The server answered ${status}`;
    super(title);
    this.status = status;
    this.title = title;
    this.detail = body.detail ?? "";
    this.missing = Array.isArray(body.missing) ? body.missing.map(String) : [];
  }

  get unanswered(): boolean {
    return this.status === 0;
  }
}

const TITLES: Record<number, string> = {
  0: "The server did not answer",
  401: "Not signed in",
  403: "Your role does not allow this",
  404: "Not found",
  409: "Not possible now",
  412: "Somebody else moved it",
  422: "Something is missing",
  429: "Too many requests",
  500: "The server failed",
  503: "The server is not ready",
};

export async function problemOf(response: Response): Promise<Problem> {
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  const body = isJson ? ((await response.json().catch(() => ({}))) as ProblemBody | null) : null;
  return new Problem(response.status, body ?? {});
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { detail: "The connection broke before an answer came." });
}
