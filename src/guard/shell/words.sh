# The guard's own messages, and how it reads those of tools.

# bash inherits these from SHELLOPTS.
set +aCefuvx
nl='
'
letters=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_

# Sends a control line, in a single write, so that no output of the script can land inside it.
say() { printf '\036%s %s\n' "$nonce" "$*" >&4; }
# Only the first line of a tool's message goes into the text.
refuse() {
  unlock
  e=$*
  say "refused ${e%%"$nl"*}"
  exit 1
}
bad() { refuse bad-request "$*"; }
# Runs a tool whose message is read here, so it must not be in another language.
words() {
  LC_ALL=C
  export LC_ALL
  "$@"
}

# Refuses after a failed write, for the reason in the tool's message.
no_write() {
  case $1 in
    # When an open file takes no more, dash says only `I/O error`, and busybox's printf nothing.
    *'o space'* | *uota* | *': I/O error'*) refuse full "$1" ;;
    *': ') refuse full "${1}no space left" ;;
    *) refuse read-only "$1" ;;
  esac
}
