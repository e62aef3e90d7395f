# Completion of weir for bash. It needs nothing but bash itself.

_weir() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= i
    local commands='check hash help usage version'
    local flags='-C -L -R -D -DD -O -V --lenient -h --help'
    local keys='user service node destination host protocol day flow'
    COMPREPLY=()
    if ((COMP_CWORD > 1)); then
        for i in $commands; do
            [[ ${COMP_WORDS[1]} == "$i" ]] && command=$i
        done
    fi
    case $before in
        -C | --C | --db)
            compopt -o filenames 2>/dev/null || true
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return 0 ;;
        -O) mapfile -t COMPREPLY < <(compgen -W 'yaml json' -- "$word"); return 0 ;;
        -L | -R | --since | --until | --top | --meter | --zone) return 0 ;;
        --by)
            # Several keys stand with commas between them.
            local done=
            [[ $word == *,* ]] && done=${word%,*},
            mapfile -t COMPREPLY < <(compgen -P "$done" -W "$keys" -- "${word##*,}")
            return 0 ;;
    esac
    case $command in
        usage) flags='--by --since --until --top -C --db --meter --zone --live --json --csv --help' ;;
        check) flags='-C -L --lenient' ;;
        hash | help | version) return 0 ;;
    esac
    if [[ $COMP_CWORD == 1 && $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
    fi
}

complete -F _weir weir
