// The calls to the service. Errors are Error objects whose message is for people.
let token = new URLSearchParams(location.hash.slice(1)).get("token") || sessionStorage.getItem("token");
if (token) { sessionStorage.setItem("token", token); history.replaceState(null, "", location.pathname); }

async function call(path, options = {}) {
  for (;;) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    let answer;
    try {
      answer = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The service does not answer. Is it still running?");
    }
    if (answer.ok) return answer;
    if (answer.status === 401) {
      token = prompt("The service asks for its token:");
      if (token) { sessionStorage.setItem("token", token); continue; }
    }
    throw new Error(await reason(answer));
  }
}

async function reason(answer) {
  const wait = answer.headers.get("Retry-After");
  let text = `The service answered ${answer.status}.`;
  try { text = sentence((await answer.json()).detail); } catch { /* not JSON */ }
  return wait ? `${text} It will be free in about ${wait} s.` : text;
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function form(values) {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") data.append(name, value);
  }
  return data;
}

export const models = async () => (await (await call("/v1/models")).json()).models;
export const readMask = async (mask) => (await call("/v1/mask", { method: "POST", body: form({ mask }) })).blob();
export const health = async () => (await call("/v1/health")).json();
export const objectAt = async (image, points) => (await call("/v1/segment", { method: "POST", body: form({ image, points: JSON.stringify(points) }) })).blob();
export const apply = async (values) => call("/v1/apply", { method: "POST", body: form(values) });

// Fills a hole; onProgress gets the job's state. Aborting the signal cancels the job.
export async function repair(values, onProgress, signal) {
  const started = await call("/v1/jobs", { method: "POST", body: form(values), signal });
  const { id } = await started.json();
  const end = () => call(`/v1/jobs/${id}`, { method: "DELETE" }).catch(() => {});
  try {
    const job = await follow(id, onProgress, signal);
    if (job.state === "failed") throw new Error(sentence(job.error));
    if (job.state !== "done") throw new Error("The job was cancelled.");
    const files = [];
    for (const path of job.results) files.push(await (await call(path, { signal })).blob());
    return { files, warnings: job.warnings, seconds: job.seconds };
  } finally {
    end();
  }
}

async function follow(id, onProgress, signal) {
  const answer = await call(`/v1/jobs/${id}/events`, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "", job = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      job = JSON.parse(event.split("data: ")[1]);
      onProgress(job);
    }
  }
  if (!job || ["queued", "running"].includes(job.state)) throw new Error("The service ended before the job did.");
  return job;
}
