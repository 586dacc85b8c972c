#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by dracut's initqueue, which gives up after rd.retry rounds and would end a wait that may well
# succeed: halfkey-unlock keeps this file for as long as it goes on trying.
# shellcheck disable=SC2034 # dracut-initqueue's own counter
[ ! -e /run/halfkey/unlocking ] || main_loop=0
