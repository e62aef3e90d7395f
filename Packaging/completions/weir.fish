# Completion of weir for fish.

set -l commands check hash help usage version
set -l none "not __fish_seen_subcommand_from $commands"
set -l keys user service node destination host protocol day flow

complete -c weir -f
complete -c weir -n "$none" -a check -d 'Say everything that is wrong with a configuration'
complete -c weir -n "$none" -a hash -d 'Read a password from standard input, print its hash'
complete -c weir -n "$none" -a help -d 'Print the help text'
complete -c weir -n "$none" -a usage -d 'Who moved how many bytes'
complete -c weir -n "$none" -a version -d 'Print the version'

complete -c weir -n "not __fish_seen_subcommand_from hash help version" -s C -r -F -d 'Configuration file'
complete -c weir -n "not __fish_seen_subcommand_from hash help version usage" -s L -x -d 'A service as a URL'
complete -c weir -n "$none" -s D -d 'Log at level debug'
complete -c weir -n "$none" -o DD -d 'Log at level trace'
complete -c weir -n "$none" -s O -x -a 'yaml json' -d 'Print the effective configuration'
complete -c weir -n "$none" -s R -x -d 'Read the configuration again so often'
complete -c weir -n "$none" -s V -d 'Print the version'
complete -c weir -n "$none" -s h -l help -d 'Print the help text'
complete -c weir -n "not __fish_seen_subcommand_from hash help version usage" -l lenient -d 'Unknown keys are warnings'

complete -c weir -n "__fish_seen_subcommand_from usage" -l by -x -a "$keys" -d 'What the rows are'
complete -c weir -n "__fish_seen_subcommand_from usage" -l since -x -d 'From when'
complete -c weir -n "__fish_seen_subcommand_from usage" -l until -x -d 'Until when'
complete -c weir -n "__fish_seen_subcommand_from usage" -l top -x -d 'So many rows'
complete -c weir -n "__fish_seen_subcommand_from usage" -l db -r -F -d 'The database'
complete -c weir -n "__fish_seen_subcommand_from usage" -l meter -x -d 'The GUID of a meter'
complete -c weir -n "__fish_seen_subcommand_from usage" -l zone -x -d 'Whose days are meant'
complete -c weir -n "__fish_seen_subcommand_from usage" -l live -d 'Open flows'
complete -c weir -n "__fish_seen_subcommand_from usage" -l json -d 'One JSON object'
complete -c weir -n "__fish_seen_subcommand_from usage" -l csv -d 'RFC 4180'
complete -c weir -n "__fish_seen_subcommand_from usage" -l help -d 'Print the options'
