#!/bin/busybox sh
# OpenObserve takes its first password from the environment only. It is put there for this one process; `docker inspect`,
# the image and the compose file never see it.
set -eu
if ! ZO_ROOT_USER_PASSWORD="$(/bin/busybox cat /run/secrets/openobserve_password)" || [ -z "$ZO_ROOT_USER_PASSWORD" ]; then
    echo "openobserve: /run/secrets/openobserve_password is missing or empty: run docker/prepare" >&2
    exit 78
fi
export ZO_ROOT_USER_PASSWORD
exec "$@"
