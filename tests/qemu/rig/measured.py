# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a boot measured: the firmware's log replayed, beside the TPM's own PCRs.

The replay here is a second one, written apart from halfkey's, so that each checks the other.
"""

import hashlib
import hmac
import json
import re
import struct
import subprocess

from . import host

LOG = "/sys/kernel/security/tpm0/binary_bios_measurements"
EV_NO_ACTION = 3
ALGORITHMS = {0x0004: "sha1", 0x000b: "sha256", 0x000c: "sha384", 0x000d: "sha512"}
# systemd-pcrphase (systemd 252) extends PCR 11 with these and logs nothing.
PHASES = ("enter-initrd", "leave-initrd", "sysinit", "ready")


# TPM 2.0 Part 2, 6.5.2: those that unlocking uses, and what else was seen on the bus beside it.
COMMANDS = {0x157: "Load", 0x158: "Quote", 0x15e: "Unseal", 0x161: "ContextLoad", 0x162: "ContextSave",
            0x165: "FlushContext", 0x167: "LoadExternal", 0x16a: "PolicyAuthorize", 0x173: "ReadPublic", 0x176: "StartAuthSession", 0x177: "VerifySignature", 0x17a: "GetCapability",
            0x17b: "GetRandom", 0x17e: "PCR_Read", 0x17f: "PolicyPCR", 0x182: "PCR_Extend"}


def unlocking_on_the_wire(commands):
    """The names of all commands from the probe before the quote of Unlock to the cap, whoever sent them."""
    codes = [struct.unpack_from(">I", data, 6)[0] for data in commands]
    end = next(i for i, data in enumerate(commands)
               if codes[i] == 0x182 and struct.unpack_from(">I", data, 10)[0] == 15)
    quote = max(i for i in range(end) if codes[i] == 0x158)
    start = max(i for i in range(quote) if codes[i] == 0x17b)
    return [COMMANDS.get(code, hex(code)) for code in codes[start:end + 1]]


def without(names, ours):
    """What is left of `names` when `ours`, in its order, is taken out; None where it is not all there."""
    left, wanted = [], list(ours)
    for name in names:
        if wanted and name == wanted[0]:
            wanted.pop(0)
        else:
            left.append(name)
    return None if wanted else left


def replay(log):
    """{"sha256": {0: "hex", ...}, ...}, as TCG PFP 10.2 lays the crypto agile log out."""
    banks, at = _header(log)
    pcrs = {name: {} for name in banks.values()}
    while at < len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        for _ in range(count):
            algorithm, = struct.unpack_from("<H", log, at)
            name = banks[algorithm]
            size = hashlib.new(name).digest_size
            if kind != EV_NO_ACTION:
                extend(name, pcrs[name], pcr, log[at + 2:at + 2 + size])
            at += 2 + size
        size, = struct.unpack_from("<I", log, at)
        event = log[at + 4:at + 4 + size]
        # The locality that started the TPM is in PCR 0's first value.
        if kind == EV_NO_ACTION and event.startswith(b"StartupLocality\0"):
            for name, bank in pcrs.items():
                bank[0] = bytes(hashlib.new(name).digest_size - 1) + event[16:17]
        at += 4 + size
    return {name: {pcr: value.hex() for pcr, value in sorted(bank.items())} for name, bank in pcrs.items()}


def _header(log):
    """The banks of the log, and where its first event after the Spec ID event starts."""
    size, = struct.unpack_from("<I", log, 28)
    event = log[32:32 + size]
    count, = struct.unpack_from("<I", event, 24)
    algorithms = [struct.unpack_from("<H", event, 28 + 4 * i)[0] for i in range(count)]
    return {a: ALGORITHMS[a] for a in algorithms}, 32 + size


def extend(algorithm, bank, pcr, digest):
    """PCR_Extend on a dictionary of PCR values."""
    old = bank.get(pcr, bytes(hashlib.new(algorithm).digest_size))
    bank[pcr] = hashlib.new(algorithm, old + digest).digest()


def halfkey_replay(log_path):
    """What halfkey makes of the same log, in the form of replay()."""
    program = host.BUILD / "cli" / "halfkey"
    done = subprocess.run([program, "eventlog", "replay", "--format", "json", log_path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise host.RigError(f"halfkey eventlog replay: exit {done.returncode}: {done.stderr.decode()}")
    return {name: {int(pcr): value for pcr, value in bank.items()}
            for name, bank in json.loads(done.stdout).items()}


def read_pcrs(guest, bank="sha256"):
    """{0: "hex", ...} from the TPM of the booted node."""
    text = guest.run(f"tpm2_pcrread -T device:/dev/tpmrm0 {bank}")
    return {int(pcr): value.lower() for pcr, value in re.findall(r"^\s*(\d+)\s*: 0x(\w+)", text, re.M)}


def cap(outcome, volume_key, volume_id, role, bank="sha256"):
    """PCR 15 after the cap of a boot that opened this one volume."""
    tag = hmac.new(volume_key, _prefixed(b"halfkey volume v1", volume_id, role.encode()), "sha256").digest()
    event = _prefixed(b"halfkey cap v1", outcome.encode()) + struct.pack(">I", 1)
    event += _prefixed(volume_id, role.encode(), tag)
    state = {}
    extend(bank, state, 15, hashlib.new(bank, event).digest())
    return state[15].hex()


def _prefixed(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def unlogged(logged, pcrs, bank="sha256"):
    """{pcr: who extended it} for the PCRs whose value the log alone does not explain."""
    zero = "00" * hashlib.new(bank).digest_size
    found = {}
    for pcr, value in pcrs.items():
        # 16 is for debugging; 17 to 23 belong to dynamic launch and to applications.
        if pcr < 16 and value != logged.get(pcr, zero):
            found[pcr] = _author(pcr, logged.get(pcr, zero), value, bank)
    return found


def _author(pcr, start, value, bank):
    if pcr == 10:
        return "the kernel's IMA (boot_aggregate; its own log is in securityfs)"
    if pcr == 15 and start.strip("0") == "":
        return "halfkey's cap"
    for first in range(len(PHASES)):
        for last in range(first, len(PHASES) + 1):
            state = {pcr: bytes.fromhex(start)}
            for word in PHASES[first:last]:
                extend(bank, state, pcr, hashlib.new(bank, word.encode()).digest())
            if pcr == 11 and state[pcr].hex() == value:
                return "systemd-pcrphase: " + ", ".join(PHASES[first:last])
    return None
