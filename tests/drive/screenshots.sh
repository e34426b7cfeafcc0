#!/bin/sh
# Drives the real window as a person would, under a virtual display, and takes the pictures of screenshots/.
#   sh tests/drive/screenshots.sh PROGRAM FOLDER
# Needs Xvfb, xdotool and ImageMagick's import; `sh dev screenshots` installs them.
set -eu
program=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
display=:77
app=
server=
stop() {
    [ -z "$app" ] || kill "$app" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT INT TERM

# A cache that is there already spares embedding the sample again.
export SEMASCOPE_CACHE="${SEMASCOPE_CACHE:-$work/cache}"
export DISPLAY=$display SEMASCOPE_ASSETS="$root/assets" SEMASCOPE_CONFIG="$work/config" SEMASCOPE_DATA="$work/data"
if [ -z "${XDG_RUNTIME_DIR:-}" ]; then
    export XDG_RUNTIME_DIR="$work/run"
    mkdir -m 700 "$XDG_RUNTIME_DIR"
fi

# start SIZE THEME [FILE]: a display of that size, the app on it with that theme.
start() {
    size=$1
    theme=$2
    shift 2
    Xvfb $display -screen 0 "${size}x24" >/dev/null 2>&1 &
    server=$!
    sleep 1
    mkdir -p "$work/config"
    printf '{"theme": "%s"}\n' "$theme" >"$work/config/settings.json"
    "$program" "$@" 2>>"$work/log" &
    app=$!
    window=$(timeout 30 xdotool search --sync --onlyvisible --name Semascope | head -n 1)
    xdotool windowmove "$window" 0 0
    xdotool windowsize --sync "$window" "${size%x*}" "${size#*x}"
    xdotool windowfocus --sync "$window"
    sleep 2
}

finish() {
    kill "$app" 2>/dev/null || true
    wait "$app" 2>/dev/null || true
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    app=
    server=
    sleep 1
}

# away: the pointer where it hovers over nothing.
away() { xdotool mousemove 700 18; sleep 0.5; }
click() { xdotool mousemove "$1" "$2" click 1; sleep "${3:-1.5}"; }

# Hundredths of a processor second that the app has taken.
spent() { awk '{ print $14 + $15 }' "/proc/$app/stat"; }

# Waits until the app rests: for some seconds the screen stays the same and hardly anything is computed.
settled() {
    same=0
    before=
    taken=0
    while [ "$same" -lt 4 ]; do
        sleep 1
        now=$(import -window root rgb:- | cksum)
        total=$(spent)
        if [ "$now" = "$before" ] && [ $((total - taken)) -lt 10 ]; then same=$((same + 1)); else same=0; fi
        before=$now
        taken=$total
    done
}
shot() { away; import -window root "$folder/$1.png"; echo "$folder/$1.png"; }

# The vectors are made once, so that the pictures do not wait for them.
"$program" run "$root/assets/samples/arxiv.jsonl.gz" --out "$work/out" --quiet
"$program" embed "$root/assets/samples/banking77.csv.gz" --text text --out "$work/banking.npy" --quiet

# A file with the troubles that files have: an empty text, duplicates, a broken row.
{
    zcat "$root/assets/samples/banking77.csv.gz" | head -n 400
    printf ',empty\nI lost my card,lost\nI lost my card,lost\n'
} >"$work/questions.csv"

start 1280x800 dark
shot welcome-dark
click 960 470 2.2
import -window root "$folder/moving-dark.png"
finish

start 1280x800 dark "$work/questions.csv"
settled
shot import-dark
finish

start 1280x800 dark "$root/assets/samples/arxiv.jsonl.gz"
settled
xdotool key Return
settled
shot map-dark
click 572 486
settled
shot document-dark
xdotool key Escape
sleep 0.5
xdotool key question
sleep 1
shot shortcuts-dark
finish

start 2560x1440 light "$root/assets/samples/arxiv.jsonl.gz"
settled
xdotool key Return
settled
shot map-light
click 2300 147
settled
shot cluster-light
finish

# goal X Y BX BY: asks a goal for eight explanations; the tick of "automatic" is at X, Y, the button at BX, BY.
goal() {
    xdotool key Return
    settled
    xdotool key g
    sleep 1
    xdotool type --delay 60 "why do customers complain?"
    sleep 3
    click "$1" "$2"
    click "$3" "$4"
    settled
}

start 1280x800 dark "$root/assets/samples/banking77.csv.gz"
settled
goal 1081 176 1127 247
shot goals-dark
finish

start 2560x1440 light "$root/assets/samples/banking77.csv.gz"
settled
goal 2321 176 2387 247
click 2400 348
settled
shot explanation-light
finish
