# Hands mail to the model and notes what became of it: run by bash, 3.2 or later, for every hook event.
#   mail.sh <Event> [block]     $CLAUDE_PID, else the parent, is the host process; its spool lies under $CCT_HOME
#
# Whatever goes wrong, the host goes on: nothing here fails, and status 2 (which denies and wakes) is given on purpose
# only. On the path without mail nothing is forked and standard input is not read; bash parses no further than it gets, so
# that path ends near the top.
#
# The files (src/session/spool.ts):  mail -> taken.X -> done.X -> seen.X -> read.X     each arrow is a rename
#   taken: a hook has it    done: printed    seen: in the model's next request for certain    read: the model went on after that
# A batch of tools runs side by side, so a later tool call of the same batch is no answer of the model: PostToolBatch tells.
# X begins with the event, so that the session server knows by which way the mail went.

event=$1
option=$2
home=${CCT_HOME:-$HOME/.cct}
home=${home%/}
spool=$home/spool/${CLAUDE_PID:-$PPID}
umask 077

any() { [[ -e $1 ]]; }

# Whether the spool is ours, and no other user's who laid it in our way: only then is anything read or written there.
ours() { [[ -O $spool && -O $home/spool && -O $home && -d $spool && ! -L $spool && ! -L $home/spool && ! -L $home ]]; }

# A plain file of ours: no link, which leads elsewhere, and no pipe, which holds us up.
plain() { [[ -f $1 && -O $1 && ! -L $1 ]]; }

# Makes the spool, unless a part of the way to it is another's.
make_spool() {
  [[ ! -e $home || -O $home ]] && [[ ! -L $home && ! -L $home/spool ]] || return 1
  [[ -d $spool ]] || mkdir -p "$spool" 2>/dev/null || return 1
  ours
}

# Written over in place, and readers take the first line: to truncate first costs a flush, and shows an empty file.
note() { { [[ ! -e $spool/$1 && ! -L $spool/$1 ]] || plain "$spool/$1"; } && { printf '%s\n' "$2" 1<>"$spool/$1"; } 2>/dev/null; }

look_at() { value= && plain "$spool/$1" && { IFS= read -r value <"$spool/$1"; } 2>/dev/null; }

# The dialog that was open is answered: the session is again what it was before (a subagent may ask while it is idle).
unblock() { look_at state && [[ $value == blocked\ * ]] && note state "${value#blocked }"; }

# The command that ran is over (hooks.json notes its start).
tool_over() { look_at tool && [[ $value == running ]] && note tool over; }

# The host does not start a session server again that died. The user is told, once per death.
tell_death() {
  look_at server && [[ $value =~ ^([1-9][0-9]*)\  ]] || return 0
  kill -0 "${BASH_REMATCH[1]}" 2>/dev/null && return 0
  look_at told
  [[ $value == "${BASH_REMATCH[1]}" ]] && return 0
  note told "${BASH_REMATCH[1]}" || return 0
  printf '{"systemMessage":"CCT: the session server of this session has died, and Claude Code does not start it again. Mail for this session stays queued until /mcp reconnects it, or the session is resumed."}\n' 2>/dev/null
}

# Without a person at a terminal the host drops what a wake says: there mail comes with tools and at the end of the turn.
unattended() { [[ ${CLAUDE_CODE_SESSION_ATTENDED-1} == 0 || ${CLAUDE_CODE_ENTRYPOINT-} == sdk-* ]]; }

case $event in
PreToolUse)
  # Hosts that never end a batch (older ones) leave no `batches`: there any later tool call counts as the model's answer.
  [[ -e $spool/mail ]] || any "$spool"/seen.* || { [[ ! -e $spool/batches ]] && any "$spool"/done.*; } || exit 0
  ours || exit 0
  ;;
PostToolBatch)
  ours || exit 0
  unblock
  tool_over
  [[ -e $spool/batches || -L $spool/batches ]] || { printf '' >"$spool/batches"; } 2>/dev/null
  [[ -e $spool/mail ]] || any "$spool"/seen.* || any "$spool"/done.* || exit 0
  ;;
UserPromptSubmit)
  ours || exit 0
  note state active
  tool_over
  look_at stops
  [[ $value == 0 ]] || note stops 0
  [[ -e $spool/mail ]] || { tell_death; exit 0; }
  ;;
Stop)
  ours || exit 0
  # Idle first, then the look: mail that comes in between finds a session that can be woken.
  note state idle
  tool_over
  look_at stops
  stops=$value
  [[ -e $spool/mail ]] || any "$spool"/seen.* || any "$spool"/done.* || {
    [[ $stops == 0 ]] || note stops 0
    tell_death
    exit 0
  }
  ;;
StopFailure)
  ours && note state idle && tool_over
  exit 0
  ;;
PermissionRequest)
  # Whoever asks, the main agent or a subagent, the dialog holds the user's session.
  ours || exit 0
  look_at state
  [[ $value == blocked\ * || $value == ended ]] || note state "blocked ${value:-active}"
  exit 0
  ;;
FileChanged)
  [[ -e $spool/mail ]] && ! unattended && ours || exit 0
  ;;
Waiter)
  unattended && exit 0
  ;;
esac

LC_ALL=C

input=
if [[ $event == PreToolUse || $event == PostToolBatch || $event == SessionStart || $event == SessionEnd ]]; then
  if ((BASH_VERSINFO[0] > 3)); then
    IFS= read -r -t 2 -N 65536 input
  else
    IFS= read -r -t 2 -d '' -n 65536 input
  fi 2>/dev/null
fi

# What stands before and after tool_input: a tool's arguments may hold any key, so they are never looked at.
before=${input%%\"tool_input\"*}
after=
if ((${#input} < 65536)); then
  # Only the last of it: to look for a bracket from the end costs the square of the length.
  after=${input:$((${#input} > 1000 ? ${#input} - 1000 : 0))}
  after=${after%\}*}
  after=${after##*\}}
fi

advance() {
  local file
  for file in "$spool/$1".*; do
    [[ -e $file ]] && mv -f "$file" "$spool/$2.${file##*/"$1".}" 2>/dev/null
  done
}

# Takes the mail file, so that nobody else can, and reads it. Fails when there is none, or when it is no mail file:
# then it stays taken, and the session server, which knows what it had put there, fetches it.
take() {
  name=$event-$$-$RANDOM$RANDOM
  mv -f "$spool/mail" "$spool/taken.$name" 2>/dev/null || return 1
  head= json= plain=
  plain "$spool/taken.$name" || return 1
  { IFS= read -r head && IFS= read -r json && IFS= read -r -d '' plain; } 2>/dev/null <"$spool/taken.$name"
  [[ $head == interrupt\ * || $head == normal\ * || $head == low\ * ]] && [[ $json == \"*\" && -n $plain ]]
}

taken_is() { mv -f "$spool/taken.$name" "$spool/$1.$name" 2>/dev/null; }

# Everything that a hook prints comes through here: printed first, marked then. Killed in between, it comes again, marked.
show() {
  # shellcheck disable=SC2059
  { printf "$1\n" "$json"; } 2>/dev/null && taken_is "$2"
}

# Wakes the session with the mail, when the mail may do that and the session can be woken.
wake() {
  look_at state
  local state=$value
  look_at mail || return 0
  [[ $value == low\ * || $state == ended ]] && return 0
  # A session at work, or with a dialog open, gets its mail with its tools, unless it has waited there for too long.
  [[ $state == active || $state == blocked* ]] && [[ $value != *\ late && $value != *\ late\ * ]] && return 0
  calm && return 0
  take || return 0
  printf '%s' "$plain" >&2 && taken_is done && exit 2
}

# Mail (its first line: $value) of a session that was woken too often: only what interrupts may start the model now.
calm() { [[ $value != interrupt\ * ]] && [[ $value == *\ nowake || $value == *\ nowake\ * ]]; }

# A process that has ended and that nobody waited for (a zombie) does not live.
host_lives() {
  kill -0 "${CLAUDE_PID:-$PPID}" 2>/dev/null || return 1
  { IFS= read -r value <"/proc/${CLAUDE_PID:-$PPID}/stat"; } 2>/dev/null || return 0
  [[ ${value##*) } != [ZX]* ]]
}

agent='"agent_id"[[:space:]]*:[[:space:]]*"[^"]'
untouchable='"tool_name"[[:space:]]*:[[:space:]]*"(ToolSearch|mcp__(plugin_cct_)?cct__[^"]*)"'

case $event in
PreToolUse)
  [[ $before =~ $agent || $after =~ $agent ]] && exit 0
  advance seen read
  [[ -e $spool/batches ]] || advance done read
  # The model needs ToolSearch and our own tools to answer mail; what waits comes when their batch has ended.
  [[ $before =~ $untouchable || $after =~ $untouchable ]] && exit 0
  look_at mail && [[ $value != low\ * ]] && take || exit 0
  if [[ $head == interrupt\ * || $head == *\ block || $head == *\ block\ * || $option == block || ${CCT_DELIVERY-} == block ]]; then
    show '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":%s}}' done
  else
    show '{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":%s}}' done
  fi
  ;;
PostToolBatch)
  [[ $before =~ $agent || $after =~ $agent ]] && exit 0
  advance seen read
  advance done seen
  # Mail that shall hold a tool call back waits for one.
  look_at mail && [[ $value != low\ * && $value != interrupt\ * && $value != *\ block && $value != *\ block\ * ]] || exit 0
  [[ ${CCT_DELIVERY-} != block ]] && take || exit 0
  show '{"hookSpecificOutput":{"hookEventName":"PostToolBatch","additionalContext":%s}}' seen
  ;;
UserPromptSubmit)
  take && show '{"hookSpecificOutput":{"hookEventName":"UserPromptSubmit","additionalContext":%s}}' seen
  ;;
Stop)
  advance seen read
  advance done read
  [[ $stops == [0-3] ]] && count=$stops || count=0
  if look_at mail && [[ $value != low\ * ]] && ! calm && ((count < 3)) && take; then
    note state active
    note stops $((count + 1))
    if [[ $option == block ]]; then
      # For hosts that do not know context here yet.
      show '{"decision":"block","reason":%s}' seen
    else
      # Context continues the turn like a reason does, but the host shows the model a reason twice.
      show '{"hookSpecificOutput":{"hookEventName":"Stop","additionalContext":%s}}' seen
    fi
  else
    note stops 0
  fi
  ;;
FileChanged)
  wake
  ;;
Waiter)
  # Waits for mail on a pipe of its own, which the session server pokes. Started at SessionStart and at each Stop: the
  # newest stands, and older ones leave, so that none outlives its timeout in a session that is used.
  make_spool || exit 0
  pipe=$spool/poke.$$
  [[ -p $pipe && -O $pipe && ! -L $pipe ]] || mkfifo "$pipe" 2>/dev/null || exit 0
  { exec 3<>"$pipe"; } 2>/dev/null || exit 0
  note waiter $$
  for other in "$spool"/poke.*; do
    # Each removes its own: one that has just made its pipe may still become the newest. Only the dead leave theirs.
    if [[ $other == "$pipe" ]]; then
      continue
    elif kill -0 "${other##*.}" 2>/dev/null; then
      [[ -p $other && ! -L $other ]] && { printf x 1<>"$other"; } 2>/dev/null
    else
      rm -f "$other" 2>/dev/null
    fi
  done
  # Bash 3.2 knows whole seconds only.
  quiet=0.15
  ((BASH_VERSINFO[0] > 3)) || quiet=1
  # What is there already is the mail of the Stop hook that runs beside this one.
  IFS= read -r -t "$quiet" -n 1 <&3
  poked=
  while look_at waiter && [[ $value == "$$" && -r ${BASH_SOURCE[0]} ]] && host_lives; do
    look_at state
    [[ $value == ended && -n $poked ]] && break
    wake
    # Only to see that the host still lives: the session server, which pokes at its end, may have been killed with it.
    before=$SECONDS
    IFS= read -r -t 60 -n 1 <&3
    status=$?
    # Anything but a poke or the minute's end is an error, which would come again at once.
    ((status == 0 || status > 128 || SECONDS - before > 30)) || break
    poked=1
    # Messages that come one upon the other are one wake.
    ((status > 0 || BASH_VERSINFO[0] < 4)) && continue
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      IFS= read -r -t "$quiet" -n 1 <&3 || break
    done
  done
  rm -f "$pipe" 2>/dev/null
  ;;
SessionStart)
  make_spool || exit 0
  pattern='"session_id"[[:space:]]*:[[:space:]]*"([A-Za-z0-9-]+)"'
  [[ $input =~ $pattern ]] && note session "${BASH_REMATCH[1]}"
  pattern='"source"[[:space:]]*:[[:space:]]*"compact"'
  [[ $input =~ $pattern ]] || note state idle
  path=${spool//\\/\\\\}
  path=${path//\"/\\\"}
  # The host watches this file from now on; its folder must exist by now, and stay.
  printf '{"hookSpecificOutput":{"hookEventName":"SessionStart","watchPaths":["%s/mail"]}}\n' "$path" 2>/dev/null
  ;;
SessionEnd)
  pattern='"reason"[[:space:]]*:[[:space:]]*"(clear|resume)"'
  [[ $input =~ $pattern ]] || ! ours && exit 0
  note state ended
  for pipe in "$spool"/poke.*; do
    [[ -p $pipe && ! -L $pipe ]] && { printf x 1<>"$pipe"; } 2>/dev/null
  done
  ;;
esac
exit 0
