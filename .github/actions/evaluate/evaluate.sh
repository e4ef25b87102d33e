#!/usr/bin/env bash
# Runs `llm-monitor evaluate` with the inputs of the action. Inputs come as variables, so that no
# text of theirs is read as a command.
set -uo pipefail

[ -n "$LLM_MONITOR_API_KEY" ] || unset LLM_MONITOR_API_KEY
summary=$(mktemp)
arguments=(evaluate "$INPUT_FILE" --markdown "$summary")
for option in dataset name baseline url junit; do
  variable="INPUT_${option^^}"
  [ -z "${!variable}" ] || arguments+=("--$option" "${!variable}")
done
while IFS= read -r condition; do
  [ -z "$condition" ] || arguments+=(--fail-if "$condition")
done <<< "$INPUT_FAIL_IF"
[ "$INPUT_FAIL_ON_REGRESSION" != true ] || arguments+=(--fail-on-regression)

read -ra command <<< "$INPUT_COMMAND"
"${command[@]}" "${arguments[@]}"
status=$?
[ -s "$summary" ] || echo "## ⚠️ The outputs could not be judged; the log of the job says why." > "$summary"
cat "$summary" >> "${GITHUB_STEP_SUMMARY:-/dev/stdout}"
rm -f "$summary"
exit "$status"
