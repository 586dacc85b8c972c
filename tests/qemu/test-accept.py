#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An administrator changes the header of root on purpose: the host names it, and what accepts it; after that the
machine boots unattended again, and the boot signs the header with both halves."""

import re

from rig import scenario, story

SIGNED = r"halfkey-unlock.*volume 'root': the changed header, accepted with its volume key, is signed with both halves"


def accept(scene):
    fixture = story.enrolled(scene)
    node, site = fixture.clone(scene)
    recovery_key = site.recovery_key_of(fixture.name())
    story.boot_attested(scene, node)
    change_and_accept(scene, node, recovery_key)
    node.shut_down()

    story.boot_attested(scene, node)
    scene.check(re.search(SIGNED, node.console.text()), "the next boot signs it with both halves")
    scene.check("allow_discards" in node.guest.run("dmsetup table root"), "and root has what was asked for")
    code, said = story.reattest(node)
    scene.equal(code, 0, "the host is re-attested")
    scene.check("halfkey accept" not in said, "and has nothing to complain of")
    scene.equal(node.guest.try_run("halfkey accept /dev/vda2; echo $?").split()[-1], "0", "nor has halfkey accept")
    node.shut_down()
    story.boot_attested(scene, node)
    scene.check(not re.search(SIGNED, node.console.text()), "the boot after that is like any other")
    node.shut_down()
    site.stop()


def change_and_accept(scene, node, recovery_key):
    guest = node.guest
    guest.run(f"printf %s '{recovery_key}' > /run/key")
    guest.run("cryptsetup refresh --persistent --allow-discards --key-file /run/key root")
    code, said = story.reattest(node)
    scene.equal(code, 0, "the host is re-attested all the same")
    named = re.search(r"volume 'root': the next boot will not open it: .*config\.flags is .*halfkey accept /dev/vda2", said)
    scene.check(named, f"it names what was changed, and what accepts it: {said.strip()}")
    shown = guest.try_run("halfkey accept --dry-run /dev/vda2; echo exit=$?")
    scene.check("config.flags: was 0000000000000000, is 0000000000000001" in shown and "exit=1" in shown,
                f"halfkey accept --dry-run shows it: {shown.strip()}")
    wrong = guest.try_run("echo no key of it | halfkey accept /dev/vda2 2>&1; echo exit=$?")
    scene.check("exit=1" in wrong and "Nothing was accepted" in wrong, "it wants a key of the volume")
    guest.run("halfkey accept --key-file /run/key /dev/vda2 && rm /run/key")
    scene.check("accepted header waits" in story.reattest(node)[1], "with the recovery key it is accepted")


scenario.run(accept, limit=1500)
