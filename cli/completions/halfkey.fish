# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion of halfkey(1). Words and options are those that --help names, so that they are never old.

function __halfkey_verb
    for word in (commandline -opc)[2..-1]
        string match -qr '^[a-z]' -- $word; or break
        echo $word
    end
end

function __halfkey_words
    set -l verb (__halfkey_verb)
    halfkey $verb --help 2>/dev/null | awk -v n=(math (count $verb) + 1) -v before="$verb" '
        /^  [a-z]/ { line = ""; for (i = 1; i < n; i++) line = line (i > 1 ? " " : "") $i
                     if (line == before && $n ~ /^[a-z][a-z-]*$/) print $n }' | sort -u
end

function __halfkey_options
    begin
        echo --help
        halfkey (__halfkey_verb) --help 2>/dev/null | grep -oE -- '(^|[ ,[|])--[a-z][a-z-]*' | tr -d ' ,[|'
    end | sort -u
end

function __halfkey_value
    contains -- (commandline -opc)[-1] $argv
end

complete -c halfkey -n 'test -n "$(__halfkey_words)"' -f -a '(__halfkey_words)'
complete -c halfkey -n 'string match -q -- "-*" (commandline -ct)' -a '(__halfkey_options)'
complete -c halfkey -n '__halfkey_value --format -f; and not contains export (__halfkey_verb)' -f -a 'text json'
complete -c halfkey -n '__halfkey_value --format -f; and contains export (__halfkey_verb)' -f -a 'json yaml cel'
complete -c halfkey -n '__halfkey_value --bank -b' -f -a 'sha1 sha256 sha384 sha512 sm3_256'
complete -c halfkey -n '__halfkey_value --color' -f -a 'auto always never'
complete -c halfkey -n '__halfkey_value --proof' -f -a 'proven partial contradicted none'
complete -c halfkey -n '__halfkey_value --word' -f -a 'enter-initrd leave-initrd sysinit ready'
