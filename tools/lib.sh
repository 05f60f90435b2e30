# SPDX-License-Identifier: MIT
# Shared by the shell tools; not run by itself. Sets:
#   root   the repository
#   cache  folder for what is fetched or built once (BULKHEAD_CACHE moves it)

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cache=${BULKHEAD_CACHE:-$root/.cache}
mkdir -p "$cache"
cache=$(CDPATH= cd -- "$cache" && pwd)

say() { printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "needs root for '$*', and there is no sudo: run it as root, then try again"
    fi
}

# only_one NAME: wait until no other process does the same step. The lock ends with this process.
only_one() {
    exec 9>"$cache/$1.lock"
    flock -n 9 && return
    say "another process is at it already, waiting for it"
    flock 9
}

# knows_package NAME...: apt's lists are there and offer each of them
knows_package() {
    apt-get install --simulate --no-install-recommends -qq "$@" >/dev/null 2>&1
}

# need_lists NAME: fetch apt's lists where this machine has none yet
need_lists() {
    apt-cache show "$1" >/dev/null 2>&1 || as_root apt-get update -qq >&2
}

# unpack_package NAME DIR: fetch a Debian package and unpack it into DIR without installing it.
# Prints the version.
unpack_package() (
    mkdir -p "$2/.deb" && cd "$2/.deb" && rm -f ./*.deb || exit 1
    need_lists "$1"
    apt-get download -qq -o APT::Sandbox::User=root "$1" >&2 ||
        die "cannot download package $1: is the network up, and does 'apt-get update' work?"
    dpkg-deb -x ./*.deb .. || die "cannot unpack package $1 into $2"
    dpkg-deb -f ./*.deb Version
    cd .. && rm -r .deb
)

# debian_kernel META: the current kernel package behind a package that always depends on it
debian_kernel() {
    apt-cache depends --important "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p'
}

# The address of the Debian mirror that this machine itself uses, in whatever form it is written.
mirror() {
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' |
        awk -v release="$release" '$1 == release && $2 == "main" { print $3; exit }'
}

# isolate_apt DIR TYPE SUITE [ARCHITECTURE]: give apt a state of its own from here on, with the
# packages (TYPE deb) or sources (deb-src) of a Debian release, so that the machine's package lists
# stay as they are.
isolate_apt() {
    address=$(mirror)
    [ -n "$address" ] || return 1
    architecture=${4:-$(dpkg --print-architecture)}
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial" "$1/sources"
    cat >"$1/sources/debian.sources" <<END
Types: $2
URIs: $address
Suites: $3
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    cat >"$1/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures "$architecture";
Dir::State "$1";
Dir::State::status "/dev/null";
Dir::Cache "$1/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$1/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
    export APT_CONFIG="$1/apt.conf"
    apt-get update -qq
}
