# The hook script: prints waiting mail for the model and records its progress. Runs on bash 3.2 or later, for every event.
#   mail.sh <Event> [block]     $CLAUDE_PID, or else the parent, is the host process; its spool is below $CCT_HOME
#
# Fail open: no error stops the host, and exit status 2 (deny, wake) is always deliberate. The path without mail forks
# nothing and does not read standard input. Bash parses a script as it runs it, command by command, so what runs most often
# stands first.
#
# Stages of a mail file (src/session/spool.ts):  mail -> taken.X -> done.X -> seen.X -> read.X     each step is a rename
#   taken: claimed by a hook    done: printed    seen: certainly in the model's next request    read: the model continued
# Tools of a batch run in parallel, so a later tool call of the same batch proves nothing; PostToolBatch does.
# X starts with the event's name, which tells the session server how the mail was delivered.

event=$1
option=$2
home=${CCT_HOME:-$HOME/.cct}
home=${home%/}
# Digits only: it becomes part of paths.
pid=${CLAUDE_PID-}
[[ $pid == [1-9]* && $pid != *[!0-9]* && ${#pid} -lt 11 ]] || pid=$PPID
spool=$home/spool/$pid
umask 077

any() { [[ -e $1 ]]; }

# Older hosts have no PostToolBatch event and leave no `batches` file: there any later tool call proves "read".
[[ $event != PreToolUse || -e $spool/mail ]] || any "$spool"/seen.* || { [[ ! -e $spool/batches ]] && any "$spool"/done.*; } || exit 0

# Whether the spool and the folders above it belong to us: another user may have planted them.
ours() { [[ -O $spool && -O $home/spool && -O $home && -d $spool && ! -L $spool && ! -L $home/spool && ! -L $home ]]; }

# A regular file of ours: a link could lead elsewhere, and a pipe could block us.
plain() { [[ -f $1 && -O $1 && ! -L $1 ]]; }

# Overwrites in place; readers use the first line only. Truncating first would cost a flush and expose an empty file.
note() { { [[ ! -e $spool/$1 && ! -L $spool/$1 ]] || plain "$spool/$1"; } && { printf '%s\n' "$2" 1<>"$spool/$1"; } 2>/dev/null; }

look_at() { value= && plain "$spool/$1" && { IFS= read -r value <"$spool/$1"; } 2>/dev/null; }

# The permission dialog is closed: restore the state from before it. (A subagent may ask while the session is idle.)
unblock() { look_at state && [[ $value == blocked\ * ]] && note state "${value#blocked }"; }

# The running command has ended (hooks.json records its start).
tool_over() { look_at tool && [[ $value == running ]] && note tool over; }

if [[ $event == PreToolUse ]]; then
  ours || exit 0
elif [[ $event == PostToolBatch ]]; then
  ours || exit 0
  unblock
  tool_over
  [[ -e $spool/batches || -L $spool/batches ]] || { printf '' >"$spool/batches"; } 2>/dev/null
  [[ -e $spool/mail ]] || any "$spool"/seen.* || any "$spool"/done.* || exit 0
fi

# The directory in which the session works: the host runs hooks there.
here() {
  look_at cwd
  [[ $value == "$PWD" || $PWD == *$'\n'* ]] || note cwd "$PWD"
}

# The host does not restart a dead session server, so the user is told, once per dead server.
tell_death() {
  look_at server && [[ $value =~ ^([1-9][0-9]*)\  ]] || return 0
  kill -0 "${BASH_REMATCH[1]}" 2>/dev/null && return 0
  look_at told
  [[ $value == "${BASH_REMATCH[1]}" ]] && return 0
  note told "${BASH_REMATCH[1]}" || return 0
  printf '{"systemMessage":"CCT: the session server of this session has died, and Claude Code does not start it again. Mail for this session stays queued until /mcp reconnects it, or the session is resumed."}\n' 2>/dev/null
}

if [[ $event == UserPromptSubmit ]]; then
  ours || exit 0
  note state active
  here
  tool_over
  look_at stops
  [[ $value == 0 ]] || note stops 0
  [[ -e $spool/mail ]] || { tell_death; exit 0; }
elif [[ $event == Stop ]]; then
  ours || exit 0
  # Mark idle first, then look for mail: mail that arrives in between can wake the session.
  note state idle
  here
  tool_over
  look_at stops
  stops=$value
  [[ -e $spool/mail ]] || any "$spool"/seen.* || any "$spool"/done.* || {
    [[ $stops == 0 ]] || note stops 0
    tell_death
    exit 0
  }
fi

# Creates the spool unless part of its path belongs to another user.
make_spool() {
  [[ ! -e $home || -O $home ]] && [[ ! -L $home && ! -L $home/spool ]] || return 1
  [[ -d $spool ]] || mkdir -p "$spool" 2>/dev/null || return 1
  ours
}

# Unattended sessions: the host discards a wake's text, so mail arrives with tools and at the end of a turn only.
unattended() { [[ ${CLAUDE_CODE_SESSION_ATTENDED-1} == 0 || ${CLAUDE_CODE_ENTRYPOINT-} == sdk-* ]]; }

case $event in
StopFailure)
  ours && note state idle && tool_over
  exit 0
  ;;
PermissionRequest)
  # The dialog blocks the user's session, whether the main agent or a subagent asks.
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

# The JSON before and after tool_input. Tool arguments may contain any key, so they are never searched.
before=${input%%\"tool_input\"*}
after=
if ((${#input} < 65536)); then
  # Only the tail: searching for a bracket from the end is quadratic.
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

# Claims the mail file by an atomic rename and reads it. Fails when there is none or it is malformed: a malformed file
# stays `taken`, and the session server recovers it.
take() {
  name=$event-$$-$RANDOM$RANDOM
  mv -f "$spool/mail" "$spool/taken.$name" 2>/dev/null || return 1
  head= json= plain=
  plain "$spool/taken.$name" || return 1
  { IFS= read -r head && IFS= read -r json && IFS= read -r -d '' plain; } 2>/dev/null <"$spool/taken.$name"
  [[ $head == interrupt\ * || $head == normal\ * || $head == low\ * ]] && [[ $json == \"*\" && -n $plain ]]
}

taken_is() { mv -f "$spool/taken.$name" "$spool/$1.$name" 2>/dev/null; }

# To ask right before printing: a hook that stood still for long has lost its mail, which came again meanwhile, marked.
still_ours() { [[ -e $spool/taken.$name ]]; }

# Prints first, then marks. A hook killed in between causes a redelivery, marked as such.
show() {
  # shellcheck disable=SC2059
  still_ours && { printf "$1\n" "$json"; } 2>/dev/null && shown=1 && taken_is "$2"
}

# Wakes an idle session with the mail, unless the mail must not wake.
wake() {
  look_at state
  local state=$value
  look_at mail || return 0
  [[ $value == low\ * || $state == ended ]] && return 0
  # A busy or blocked session gets its mail with its tools, unless the mail has waited too long (`late`).
  [[ $state == active || $state == blocked* ]] && [[ $value != *\ late && $value != *\ late\ * ]] && return 0
  calm && return 0
  take && still_ours || return 0
  printf '%s' "$plain" >&2 && taken_is done && exit 2
}

# The session has used up its wakes (`nowake` in the mail's first line, $value): only interrupts may start the model.
calm() { [[ $value != interrupt\ * ]] && [[ $value == *\ nowake || $value == *\ nowake\ * ]]; }

# Whether the host process is alive; a zombie is not.
host_lives() {
  kill -0 "$pid" 2>/dev/null || return 1
  { IFS= read -r value <"/proc/$pid/stat"; } 2>/dev/null || return 0
  [[ ${value##*) } != [ZX]* ]]
}

agent='"agent_id"[[:space:]]*:[[:space:]]*"[^"]'
untouchable='"tool_name"[[:space:]]*:[[:space:]]*"(ToolSearch|mcp__(plugin_cct_)?cct__[^"]*)"'

case $event in
PreToolUse)
  [[ $before =~ $agent || $after =~ $agent ]] && exit 0
  advance seen read
  [[ -e $spool/batches ]] || advance done read
  # The model needs ToolSearch and our own tools to answer mail, so they are never denied; mail follows after the batch.
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
  # Mail that must deny a tool call waits for the next one.
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
    shown=
    note state active
    note stops $((count + 1))
    if [[ $option == block ]]; then
      # Older hosts ignore additionalContext here.
      show '{"decision":"block","reason":%s}' seen
    else
      # Context continues the turn as a reason does, but a reason would reach the model twice.
      show '{"hookSpecificOutput":{"hookEventName":"Stop","additionalContext":%s}}' seen
    fi
    [[ -n $shown ]] || note state idle
  else
    note stops 0
  fi
  ;;
FileChanged)
  wake
  ;;
Waiter)
  # Waits for mail on its own named pipe, to which the session server writes. SessionStart and each Stop start a new
  # waiter, and older ones exit, so that none runs into its timeout while the session is in use.
  make_spool || exit 0
  pipe=$spool/poke.$$
  [[ -p $pipe && -O $pipe && ! -L $pipe ]] || mkfifo "$pipe" 2>/dev/null || exit 0
  { exec 3<>"$pipe"; } 2>/dev/null || exit 0
  note waiter $$
  for other in "$spool"/poke.*; do
    # A live waiter removes its own pipe; only dead ones leave theirs behind.
    if [[ $other == "$pipe" ]]; then
      continue
    elif kill -0 "${other##*.}" 2>/dev/null; then
      [[ -p $other && ! -L $other ]] && { printf x 1<>"$other"; } 2>/dev/null
    else
      rm -f "$other" 2>/dev/null
    fi
  done
  # Bash 3.2 supports whole seconds only.
  quiet=0.15
  ((BASH_VERSINFO[0] > 3)) || quiet=1
  # Mail that is already there belongs to the Stop hook that runs in parallel.
  IFS= read -r -t "$quiet" -n 1 <&3
  poked=
  while look_at waiter && [[ $value == "$$" && -r ${BASH_SOURCE[0]} ]] && host_lives; do
    look_at state
    [[ $value == ended && -n $poked ]] && break
    wake
    # The timeout is for checking that the host is alive: a session server that was killed with it wakes nobody.
    before=$SECONDS
    IFS= read -r -t 60 -n 1 <&3
    status=$?
    # Neither a write nor the timeout: an error that would repeat in a tight loop.
    ((status == 0 || status > 128 || SECONDS - before > 30)) || break
    poked=1
    # Coalesce a burst of messages into one wake.
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
  here
  path=${spool//\\/\\\\}
  path=${path//\"/\\\"}
  # The host watches this file from now on; its folder must exist already, and persist.
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
