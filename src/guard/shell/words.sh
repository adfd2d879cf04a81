# The guard's own words, and what it makes of others'.

# bash takes these from SHELLOPTS.
set +aCefuvx
nl='
'
letters=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_

# A control line, in a single write, so that no output of the script can land inside it.
say() { printf '\036%s %s\n' "$nonce" "$*" >&4; }
# Only the first line of what a tool had to say goes into the text.
refuse() {
  unlock
  e=$*
  say "refused ${e%%"$nl"*}"
  exit 1
}
bad() { refuse bad-request "$*"; }
# What a tool says is read here, so it must not be in another language.
words() {
  LC_ALL=C
  export LC_ALL
  "$@"
}

# What a failed write means, from the tool's own words.
no_write() {
  case $1 in
    # When an open file takes no more, dash says just that, and busybox's printf nothing.
    *'o space'* | *uota* | *': I/O error'*) refuse full "$1" ;;
    *': ') refuse full "${1}no space left" ;;
    *) refuse read-only "$1" ;;
  esac
}
