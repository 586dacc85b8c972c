/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel command line, as three kinds of loader measure it. See interpret.h for what counts as proof and
 * why the order of events does. */

#include "eventlog/interpret.h"

#include "base/error.h"
#include "base/writer.h"
#include "eventlog/describe.h"
#include "eventlog/proof.h"
#include "eventlog/text.h"

#include <errno.h>
#include <string.h>

enum {
        GRUB_PCR = 8,
        KERNEL_PCR = 9,
        STUB_PCR = 12,
        /* The largest COMMAND_LINE_SIZE of any architecture is 4096 characters. */
        COMMAND_LINE_MAX = 4096,
};

/* A question and what was found so far. */
typedef struct Check {
        Prover prover;
        Bytes text;                             /* UTF-8, trimmed */
        Bytes utf16;                            /* the same in UTF-16LE with a NUL */
        const Event *grub, *kernel, *stub;      /* the event of each source that has the text */
        const Event *late;                      /* has the text in PCR 9, but not first */
        const Event *odd;                       /* in PCR 8 and no proven string */
        bool grub_used, kernel_used, stub_used; /* their PCRs have events */
} Check;

static int refuse(const Check *c, int outcome, const Event *event, const char *why)
{
        char name[EVENTLOG_TEXT_SIZE];

        eventlog_event_name(c->prover.log, event, name);
        return error_set(outcome, "%s: %s", name, why);
}

static bool is_space(uint8_t c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static Bytes trim(Bytes b)
{
        while (b.size > 0 && is_space(b.data[0])) b = BYTES(b.data + 1, b.size - 1);
        while (b.size > 0 && is_space(b.data[b.size - 1])) b.size--;
        return b;
}

/* Whether a measured UTF-8 line is the text; GRUB's lacks the BOOT_IMAGE= that its loader puts in front. */
static bool is_text(const Check *c, Bytes line)
{
        static const char prefix[] = "BOOT_IMAGE=";
        const size_t n = sizeof(prefix) - 1;

        line = trim(line);
        if (bytes_equal(line, c->text)) return true;
        return c->text.size > n && bytes_equal(BYTES(c->text.data, n), BYTES_LITERAL(prefix)) &&
               bytes_equal(line, BYTES(c->text.data + n, c->text.size - n));
}

static Bytes first_word(Bytes line)
{
        size_t n = 0;

        while (n < line.size && !is_space(line.data[n])) n++;
        return BYTES(line.data, n);
}

/* Whether this is the path that the text begins with. */
static bool is_text_from(const Check *c, Bytes path)
{
        static const char prefix[] = "BOOT_IMAGE=";
        const size_t n = sizeof(prefix) - 1;
        Bytes word = first_word(c->text);

        if (word.size > n && bytes_equal(BYTES(word.data, n), BYTES_LITERAL(prefix)))
                word = BYTES(word.data + n, word.size - n);
        return bytes_equal(word, path);
}

/* ---- the kernel's EFI stub, PCR 9 -------------------------------------------------------------------- */

/* The stub hashes what its loader gave it: some loaders count the NUL, and a space or a line feed at the end
 * survives. The digest alone decides, whatever the event is labelled. */
static bool is_load_options_of(Check *c, const Event *event)
{
        static const uint8_t ends[][4] = { { 0 }, { ' ', 0 }, { '\n', 0 } };
        const Bytes body = BYTES(c->utf16.data, c->utf16.size - 2);

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                const size_t n = ends[i][0] ? 2 : 0;
                const Bytes bare[] = { body, BYTES(ends[i], n) }, ended[] = { body, BYTES(ends[i], n + 2) };

                if (prover_matches(&c->prover, event, bare, 2) || prover_matches(&c->prover, event, ended, 2))
                        return true;
        }
        return false;
}

static bool is_labelled_load_options(const Event *event)
{
        static const char name[] = "LOADED_IMAGE::LoadOptions";

        return event->type == EV_EVENT_TAG && memmem(event->data.data, event->data.size, name, sizeof(name) - 1);
}

static int look_at_kernel(Check *c, const Event *event)
{
        const bool first = !c->kernel_used;

        c->kernel_used = true;
        if (is_load_options_of(c, event)) {
                if (first) c->kernel = event;
                else if (!c->late) c->late = event;
                return 0;
        }
        if (!is_labelled_load_options(event)) return 0;
        return refuse(c, EVENTLOG_E_CONTRADICTED, event, "the kernel was started with another command line");
}

/* ---- GRUB, PCR 8 ------------------------------------------------------------------------------------- */

/* Commands that start something: `linux` what the command line says, all others something else. */
static bool starts_something_else(const Check *c, Bytes string)
{
        static const char *const loaders[] = { "chainloader",    "multiboot",   "multiboot2",
                                               "xen_hypervisor", "appleloader", "kfreebsd",
                                               "knetbsd",        "kopenbsd",    "ntldr" };
        const Bytes word = first_word(string);
        const Bytes rest = trim(BYTES(string.data + word.size, string.size - word.size));

        for (size_t i = 0; i < ARRAY_SIZE(loaders); i++)
                if (bytes_equal(word, BYTES(loaders[i], strlen(loaders[i])))) return true;
        if (word.size < 5 || !bytes_equal(BYTES(word.data, 5), BYTES_LITERAL("linux"))) return false;
        /* Its arguments are quoted otherwise here; they have an event of their own, which begins with the path. */
        return !is_text_from(c, first_word(rest));
}

/* GRUB hashes a string without the label it prints in front ("kernel_cmdline: "), so the label proves nothing:
 * what begins like the path of a kernel is taken for a kernel's line. A kernel by its blocks has no path. */
static int look_at_grub(Check *c, const Event *event)
{
        Bytes string;

        c->grub_used = true;
        if (!prover_string(&c->prover, event, &string)) {
                if (!c->odd) c->odd = event;
                return 0;
        }
        if ((string.data[0] >= '0' && string.data[0] <= '9') || starts_something_else(c, string))
                return refuse(c, EVENTLOG_E_CONTRADICTED, event, "GRUB was told to start something else");
        if (string.data[0] != '/' && string.data[0] != '(') return 0;
        if (!is_text(c, string)) return refuse(c, EVENTLOG_E_CONTRADICTED, event, "it is another command line");
        if (!c->grub) c->grub = event;
        return 0;
}

/* ---- systemd-boot and systemd-stub, PCR 12 ------------------------------------------------------------ */

/* Load options are their own event data; other events of PCR 12 describe what they hashed. */
static int look_at_stub(Check *c, const Event *event)
{
        uint8_t buffer[4 * COMMAND_LINE_MAX];
        Writer line = WRITER_FIXED(buffer);
        const bool first = !c->stub_used;

        c->stub_used = true;
        if (!prover_matches_bytes(&c->prover, event, event->data)) return 0;
        if (text_from_utf16(event->data, &line) < 0 || !bytes_equal(trim(BYTES(line.data, line.size)), c->text))
                return refuse(c, EVENTLOG_E_CONTRADICTED, event, "the boot loader passed another command line");
        /* Later ones may be anybody's: the running system can extend this PCR too. */
        if (first) c->stub = event;
        return 0;
}

/* ---- the answer --------------------------------------------------------------------------------------- */

static int look_at(Check *c, const Event *event)
{
        if (!eventlog_event_extends(event)) return 0;
        switch (event->pcr) {
        case GRUB_PCR: return look_at_grub(c, event);
        case KERNEL_PCR: return look_at_kernel(c, event);
        case STUB_PCR: return look_at_stub(c, event);
        default: return 0;
        }
}

static int conclude(const Check *c, const Event **ret_event)
{
        /* Under GRUB the first event of PCR 9 is a file that it read, whatever that holds. */
        const Event *proof = c->kernel && !c->grub_used ? c->kernel : c->grub && !c->odd ? c->grub : NULL;

        if (!proof && !c->kernel_used && !c->grub) proof = c->stub;
        if (proof) {
                if (ret_event) *ret_event = proof;
                return 0;
        }
        if (c->grub && c->odd)
                return refuse(c, EVENTLOG_E_UNPROVEN, c->odd, "its digest is not that of a string it shows");
        if (c->kernel) return refuse(c, EVENTLOG_E_UNPROVEN, c->kernel, "GRUB's own events for it are missing");
        if (c->late) return refuse(c, EVENTLOG_E_UNPROVEN, c->late, "it is not the first event of its PCR");
        if (c->stub) return refuse(c, EVENTLOG_E_UNPROVEN, c->stub, "the kernel's own event for it is missing");
        return error_set(EVENTLOG_E_NOT_MEASURED, "no event measured the kernel command line");
}

int eventlog_command_line_check(const EventLog *log, HashAlg bank, const char *text, const Event **ret_event)
{
        cleanup_writer Writer utf16 = WRITER_INIT(2 * COMMAND_LINE_MAX + 2);
        cleanup_hasher Hasher *hasher = NULL;
        Check c = { .prover = { .log = log, .bank = bank } };
        int r;

        c.text = trim(BYTES(text, strlen(text)));
        if (c.text.size == 0 || c.text.size > COMMAND_LINE_MAX)
                return error_set(-EINVAL, "a command line of %zu bytes", c.text.size);
        r = text_to_utf16(c.text, &utf16);
        if (r < 0) return error_set(-EINVAL, "the command line is no UTF-8");
        r = writer_finish(&utf16, &c.utf16);
        if (r < 0) return r;
        r = hasher_new(bank, &hasher);
        if (r < 0) return r;
        c.prover.hasher = hasher;
        for (size_t i = 0; i < log->n_events && r == 0; i++) r = look_at(&c, &log->events[i]);
        if (c.prover.error < 0) return c.prover.error;
        return r == 0 ? conclude(&c, ret_event) : r;
}
