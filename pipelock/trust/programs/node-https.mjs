import https from "node:https";

console.log("version", process.versions.node);
https
  .get(process.argv[2], { timeout: 8000 }, (answer) => answer.resume())
  .on("timeout", () => process.exit(1))
  .on("error", (error) => {
    console.error(String(error));
    process.exit(1);
  });
