#!/bin/sh
# What the tests need beside Python: a browser, a proxy, a mail server, node. Installs what is missing with apt, or says what to install.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
command -v haproxy >/dev/null 2>&1 || [ -x /usr/sbin/haproxy ] || missing="$missing haproxy"
command -v postfix >/dev/null 2>&1 || [ -x /usr/sbin/postfix ] || missing="$missing postfix"
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need:$missing. Install them and run make again." >&2
    exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "Installing for the tests:$missing"
# Other packages' maintenance may hold the lock for a while; two runs side by side wait for each other.
$sudo apt-get -qq -o DPkg::Lock::Timeout=300 update
case "$missing" in *postfix*)  # the tests run one of their own; the system's is not to start
    echo "postfix postfix/main_mailer_type select No configuration" | $sudo debconf-set-selections ;;
esac
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing >/dev/null
