# Sourced by the scripts that build: installs Debian or Ubuntu packages that are missing. Nothing is asked of apt when
# everything is there; sudo is used only by those who are not root.

install_packages() {
  local missing=() package root=()
  if ! command -v dpkg-query >/dev/null; then
    echo "these packages of Debian or their like are needed, and this system has no dpkg to ask for them: $*" >&2
    return 0
  fi
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "packages are missing, and there is no sudo; as root: apt-get install ${missing[*]}" >&2
      return 1
    fi
    root=(sudo)
  fi
  echo "installing: ${missing[*]}" >&2
  "${root[@]}" apt-get -o Acquire::Retries=3 update -q >&2 &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -q -y \
      --no-install-recommends "${missing[@]}" >&2
}

# libFuzzer and the sanitizers for clang: a package of their own.
install_clang_runtime() {
  local version
  echo 'int main() {}' | clang++ -x c++ -fsanitize=address - -o /dev/null 2>/dev/null && return 0
  version=$(clang --version | sed -nE 's/.*version ([0-9]+)\..*/\1/p' | head -n 1)
  install_packages "libclang-rt-$version-dev"
}
