// Asking this service's door, and telling its refusals.

import { say } from "./dom.js";

let onSignedOut = () => {};

export function whenSignedOut(tell) {
  onSignedOut = tell;
}

// The JSON answered; null when it was refused, which has been told then. `key`: the idempotency key
// of what must happen once.
export async function call(method, path, body, { key, tell = say } = {}) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      headers: {
        ...(body && { "Content-Type": "application/json" }),
        ...(key && { "Idempotency-Key": key }),
      },
      body: body && JSON.stringify(body),
    });
  } catch {
    tell("La liaison est coupée ; réessayez dans un instant.");
    return null;
  }
  if (answer.status === 401 || answer.status === 403) {
    onSignedOut(answer.status);
    return null;
  }
  if (answer.ok) return answer.json();
  tell(await problemOf(answer));
  return null;
}

async function problemOf(answer) {
  const problem = await answer.json().catch(() => ({}));
  const fields = (problem.errors ?? []).map((error) => error.message);
  return [problem.title ?? "L’opération a échoué.", problem.detail ?? "", ...fields].join(" ").trim();
}
