#!/bin/sh
# Starts a process of the image. numba takes compiled functions only from a folder that it may write to,
# and the image may be read-only, so those of the image are laid where the process may write.
set -eu
folder=${NUMBA_CACHE_DIR:-/data/cache/numba}
if ! { mkdir -p "$folder" && cp -R /opt/kernels/. "$folder"; }; then
    echo "llm-monitor: $folder is not writable: mount a volume at /data that user $(id -u) may write to" >&2
    exit 2
fi
exec "$@"
