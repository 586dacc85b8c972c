# SPDX-License-Identifier: LGPL-2.1-or-later
"""The boot rig: node images, virtual machines with a TPM, and the harness of the boot tests.

Standard library only; what it runs (qemu, swtpm, mmdebstrap, ...) is what `./dev deps` installs.
"""
