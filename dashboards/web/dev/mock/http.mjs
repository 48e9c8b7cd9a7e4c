// Small pieces of HTTP: answers, problems, bodies, files, with the headers that the daemon sets.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const CSP =
  "default-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'";
const BODY_MAX = 64 * 1024;
const DIST = new URL("../../dist/", import.meta.url);
const FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/app.js": ["app.js", "text/javascript; charset=utf-8"],
  "/app.css": ["app.css", "text/css; charset=utf-8"],
  "/favicon.svg": ["favicon.svg", "image/svg+xml"],
};

export function reply(response, status, body, type = "application/json") {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", "content-security-policy": CSP });
  response.end(body === undefined ? "" : JSON.stringify(body));
}

export function problem(response, status, title, detail, more = {}) {
  reply(response, status, { type: `/problems/${status}`, title, status, detail, ...more }, "application/problem+json");
}

export async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_MAX) throw new Error("body too long");
  }
  return text ? JSON.parse(text) : {};
}

export async function file(path, response, headers = {}) {
  const known = FILES[path];
  if (!known) return problem(response, 404, "Not found", path);
  const bytes = await readFile(fileURLToPath(new URL(known[0], DIST)));
  response.writeHead(200, { "content-type": known[1], "content-security-policy": CSP, "cache-control": "no-cache", ...headers });
  response.end(bytes);
}

export const cookies = (request) =>
  Object.fromEntries((request.headers.cookie ?? "").split(/;\s*/).filter(Boolean).map((pair) => pair.split("=").map(decodeURIComponent)));
