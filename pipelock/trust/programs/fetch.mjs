const url = globalThis.process ? process.argv[2] : Deno.args[0];
console.log("version", globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.versions.node);
const answer = await fetch(url, { signal: AbortSignal.timeout(8000) });
await answer.text();
