#!/bin/sh
# Becomes a command as a container would run it: the first process of its own, nobody in particular, no rights, and a
# root file system that is read-only but for HOME_FOLDER and a fresh /tmp. To be started by root, as the first process of
# new namespaces (unshare --mount --pid --fork).
#
#   contained.sh KEEP HOME_FOLDER FOLDER... -- COMMAND...
#
# KEEP: an empty scratch folder that everybody may enter, and not below /tmp. FOLDER: what the command must see although it may lie in a folder
# that only root may enter; all else in there is out of sight.
set -eu

keep=$1 home=$2
shift 2

folders=''
while [ "$1" != -- ]; do
    folders="$folders $1"
    shift
done
shift

# The first folder on the way that not everybody may enter; nothing where there is none.
locked() {
    part=''
    for name in $(echo "$1" | tr / ' '); do
        part="$part/$name"
        [ -e "$part" ] || return 0
        case $(stat -c %A "$part") in *x | *t) ;; *) echo "$part" && return ;; esac
    done
}

mount --bind "$home" "$home"
number=0
for folder in $folders; do
    mkdir "$keep/$number"
    mount --bind "$folder" "$keep/$number"
    number=$((number + 1))
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
for folder in $folders; do
    closed=$(locked "$folder")
    [ -z "$closed" ] || mount -t tmpfs -o mode=755 tmpfs "$closed"
done
number=0
for folder in $folders; do
    if [ ! -d "$folder" ]; then
        mkdir -p "$folder"
        mount --bind "$keep/$number" "$folder"
    fi
    number=$((number + 1))
done
mount -o remount,bind,ro /

exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
