#!/bin/sh
# Runs tests of the module that the image was built for, with coverage: all quick ones, or what the
# arguments name inside its folder. The report also lies in htmlcov/.
set -u
cd "$(dirname "$0")/.."
package=$(echo "$MODULE" | tr - _)
[ $# -gt 0 ] || set -- tests -m "not slow"
first=$1
shift
status=0
coverage run -m pytest -p no:cacheprovider "$MODULE/$first" "$@" || status=$?
coverage combine --quiet
coverage report --fail-under=0 --include="*/src/$package/*"
coverage html --quiet --fail-under=0 --include="*/src/$package/*"
exit $status
