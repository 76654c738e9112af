# CCT's part of the status line. Runs on bash 3.2 or later, each time the host refreshes the line.
#   line.sh [command]     $CLAUDE_PID, or else the parent, is the host process; `command` is the user's own status line
#
# Uses builtins only and no network, and leaves standard input to the user's command. It shows one line of data that the
# session server writes to flags/<pid> (src/session/flags.ts). It never fails. Names reach the terminal only as letters,
# digits, '.', '_' and '-'.
#
#   CCT:dd5c @feature-x(2) ✉3 held 1 busy 6m      CCT:off: server or broker is away      CCT:—: session without CCT
#   CCT:…: the session has just begun
#   CCT:dd5c ✉3 disk full: mail cannot be written for the hooks

home=${CCT_HOME:-$HOME/.cct}
# <host: process id>
pid=${CLAUDE_PID-}
# </host>
# Digits only: it becomes part of paths.
[[ $pid == [1-9]* && $pid != *[!0-9]* && ${#pid} -lt 11 ]] || pid=$PPID

# The user's line comes first and keeps its locale. The host allows five seconds in all; a failing command shows nothing.
theirs=
if [[ -n ${1-} ]]; then
  end=$'\036'
  exec 4<&0
  # End the command when the host ends us, or when it takes too long. The traps come first: the host may end us at any moment.
  trap 'kill "$!"; exit 0' TERM
  exec 3< <(
    trap 'kill "$!"; exit 0' TERM
    sh -c "$1" <&4 4<&- &
    wait "$!"
    printf '%s%s' "$end" "$?"
  )
  child=$!
  IFS= read -r -d '' -t 3 theirs <&3
  [[ $theirs == *"$end"* ]] || kill "$child"
  trap - TERM
  [[ $theirs == *"${end}0" ]] && theirs=${theirs%"$end"*} || theirs=
  while [[ $theirs == *$'\n' ]]; do theirs=${theirs%$'\n'}; done
fi 2>/dev/null

LC_ALL=C
columns=${COLUMNS-}
[[ -n $columns && $columns != *[!0-9]* && ${#columns} -lt 6 ]] || columns=80
# The host indents the line and cuts it before the right edge.
room=$((10#$columns - 4))

# Upper bound of a text's width in columns: its bytes without colours and links.
width_of() {
  local text=$1 rest
  width=0
  while [[ $text == *$'\033'* ]]; do
    rest=${text#*$'\033'}
    text=${text%%$'\033'*}
    width=$((width + ${#text}))
    case $rest in
    '['*) text=${rest#*[@-Z^-~]} ;;
    ']'*$'\a'* | ']'*$'\033'\\*) text=${rest#*[$'\a'\\]} ;;
    *) text=$rest ;;
    esac
  done
  width=$((width + ${#text}))
}

look() {
  line=CCT:off
  # Ignore files that another user may have planted; a pipe could block us.
  [[ -d $home && -O $home && ! -L ${home%/} && ! -p $home/flags/$pid ]] || return
  { IFS=' ' read -r written server peer name broker hook presence busy unread held pool pooled disk _ <"$home/flags/$pid"; } 2>/dev/null || {
    [[ -e $home/pidmaps/$pid ]] || { starting && line='CCT:…' || line='CCT:—'; }
    return
  }
  local number
  for number in "$written" "$server" "$busy" "$unread" "$held" "$pooled"; do
    [[ -n $number && $number != *[!0-9]* && ${#number} -lt 12 ]] || return
  done
  # The server writes every ten seconds; data older than 30 s is stale.
  [[ $broker == up && $peer != - ]] && kill -0 "$server" 2>/dev/null || return
  local now=${EPOCHSECONDS-}
  [[ -n $now ]] || printf -v now '%(%s)T' -1 2>/dev/null || now=$(date +%s)
  ((now - written <= 30)) || return

  peer=${peer//[!0-9a-f]/}
  pool=${pool//[!A-Za-z0-9._-]/}
  line=CCT:${peer:0:4}
  words=
  # When so much waits, the broker counts no further, and not all of the pool's.
  local many=
  ((unread < 100)) || many=+ unread=100
  ((unread == 0)) || words=" ✉$unread$many"
  # In order of importance; what does not fit is omitted.
  case ${disk:--} in
  -) ;;
  ENOSPC | EDQUOT) add " disk full" ;;
  *) add " disk error" ;;
  esac
  [[ $hook == live ]] || add " no hook"
  [[ $presence == blocked ]] && add " blocked"
  ((held == 0)) || add " held $held"
  if ((busy > 0)); then
    if ((busy > now + 90)); then add " busy $(((busy - now + 30) / 60))m"; else add " busy"; fi
  fi
  local count=
  [[ $pooled == 0 ]] || count="($pooled$many)"
  # `✉` is three bytes and one column.
  local left=$((room - ${#line} - ${#words} - ${#count} - 2 + (unread > 0 ? 2 : 0)))
  if [[ -n $pool && $pool != - ]] && ((left >= 3)); then
    ((${#pool} <= left)) || pool=${pool:0:left - 1}~
    line+=" @$pool$count"
  fi
  line+=$words
}

# Whether the session server runs and has not said anything yet, or the host is so young that it may not have started it.
starting() {
  local file=$home/spool/$pid/server server= stat= up=
  [[ -f $file && -O $file && ! -L $file ]] && { IFS=' ' read -r server _ <"$file"; } 2>/dev/null
  [[ $server == [1-9]* && $server != *[!0-9]* && ${#server} -lt 11 ]] && kill -0 "$server" 2>/dev/null && return
  { IFS= read -r stat <"/proc/$pid/stat" && IFS=. read -r up _ </proc/uptime; } 2>/dev/null || return 1
  # The start of the process in hundredths of a second is field 22; the name in parentheses may contain spaces.
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  [[ -n ${20-} && ${20} != *[!0-9]* && -n $up && $up != *[!0-9]* ]] && ((up - ${20} / 100 < 10))
}

add() { ((${#line} + ${#words} + ${#1} > room)) || words+=$1; }

look

if [[ -n $theirs ]]; then
  width_of "$theirs"
  # On one row if both certainly fit.
  if [[ $theirs != *$'\n'* ]] && ((width + 2 + ${#line} <= room)); then
    printf '%s  %s\n' "$theirs" "$line"
  else
    printf '%s\n%s\n' "$theirs" "$line"
  fi
else
  printf '%s\n' "$line"
fi 2>/dev/null
exit 0
