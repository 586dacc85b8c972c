/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which event of today is the image that changes: by its Authenticode hash where today's file is given, else by
 * the end of its path, else by its role in the boot. */

#include "eventlog/predict-internal.h"

#include "base/error.h"
#include "eventlog/devpath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PATH_SIZE = 512, NOT_FOUND = -1 };

bool event_image_path(const Event *event, char *ret, size_t size)
{
        Reader r = READER_INIT(event->data);
        uint64_t path_size;
        Bytes path = { 0 };
        Text t;

        if (event->type != EV_EFI_BOOT_SERVICES_APPLICATION && event->type != EV_EFI_BOOT_SERVICES_DRIVER &&
            event->type != EV_EFI_RUNTIME_SERVICES_DRIVER)
                return false;
        if (reader_skip(&r, 24) < 0 || reader_le64(&r, &path_size) < 0 || path_size > reader_left(&r) ||
            reader_bytes(&r, (size_t)path_size, &path) < 0)
                return false;
        text_init(&t, ret, size);
        devpath_describe(path, &t);
        return true;
}

/* systemd-stub's STUB_PAYLOAD_GUID. */
bool event_is_stub_payload(const Event *event)
{
        char path[PATH_SIZE];

        return event_image_path(event, path, sizeof(path)) &&
               strcmp(path, "VenMedia(55c5d1f8-04cd-46b5-8a20-e56cbb3052d0)") == 0;
}

bool slot_is_image(const Slot *slot)
{
        char path[PATH_SIZE];

        return (slot->pcr == PCR_IMAGES || slot->pcr == PCR_FIRMWARE_IMAGES) && slot->today &&
               event_image_path(slot->today, path, sizeof(path));
}

/* ---- by path and role ----------------------------------------------------------------------------------- */

static char fold(char c)
{
        if (c == '/') return '\\';
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* FAT has no case, and people write slashes. */
static bool ends_with(const char *path, const char *end)
{
        const size_t n = strlen(path), m = strlen(end);

        if (m > n) return false;
        for (size_t i = 0; i < m; i++)
                if (fold(path[n - m + i]) != fold(end[i])) return false;
        return true;
}

static bool name_has(const char *path, const char *word)
{
        const char *file = strrchr(path, '\\');

        return strcasestr(file ? file : path, word) != NULL;
}

/* An application that the boot loaded: not the kernel inside a UKI, not one out of firmware's own volume. */
static bool is_application(const Slot *slot, char path[static PATH_SIZE])
{
        if (slot->pcr != PCR_IMAGES || !slot->today || slot->today->type != EV_EFI_BOOT_SERVICES_APPLICATION)
                return false;
        if (!event_image_path(slot->today, path, PATH_SIZE)) return false;
        return strncmp(path, "Fv(", 3) != 0 && !event_is_stub_payload(slot->today);
}

/* The applications of a boot, by role. */
typedef struct Roles {
        long first, last, shim, grub, systemd_boot, pathless; /* slots, NOT_FOUND */
        size_t n;
        bool uki;
} Roles;

static Roles roles_of(const Prediction *p)
{
        Roles r = { NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, 0, false };

        for (size_t i = 0; i < p->n; i++) {
                char path[PATH_SIZE];

                if (slot_is(&p->slots[i], PCR_UKI, EV_IPL)) r.uki = true;
                if (!is_application(&p->slots[i], path)) continue;
                if (r.n++ == 0) r.first = (long)i;
                r.last = (long)i;
                if (r.shim == NOT_FOUND && name_has(path, "shim")) r.shim = (long)i;
                if (r.grub == NOT_FOUND && name_has(path, "grub")) r.grub = (long)i;
                if (r.systemd_boot == NOT_FOUND && name_has(path, "systemd-boot")) r.systemd_boot = (long)i;
                if (path[0] == '\0') r.pathless = (long)i;
        }
        if (r.shim == NOT_FOUND && r.grub != NOT_FOUND && r.first != r.grub) r.shim = r.first;
        if (r.systemd_boot == NOT_FOUND && r.shim == NOT_FOUND && r.grub == NOT_FOUND && r.n > 1)
                r.systemd_boot = r.first;
        return r;
}

static long by_role(const Prediction *p, PredictedImage kind)
{
        const Roles r = roles_of(p);

        switch (kind) {
        case PREDICT_SHIM: return r.shim;
        case PREDICT_GRUB: return r.grub;
        case PREDICT_SYSTEMD_BOOT: return r.systemd_boot;
        case PREDICT_UKI: return r.uki ? r.last : NOT_FOUND;
        case PREDICT_KERNEL:
                if (r.uki) return NOT_FOUND;
                if (r.grub != NOT_FOUND) return r.pathless > r.grub ? r.pathless : NOT_FOUND;
                return r.last != r.systemd_boot && r.last != r.shim ? r.last : NOT_FOUND;
        case PREDICT_IMAGE:
        default: return NOT_FOUND;
        }
}

static long by_path(const Prediction *p, const char *end)
{
        for (size_t i = 0; i < p->n; i++) {
                char path[PATH_SIZE];

                if (slot_is_image(&p->slots[i]) && event_image_path(p->slots[i].today, path, sizeof(path)) &&
                    ends_with(path, end))
                        return (long)i;
        }
        return NOT_FOUND;
}

static long by_hash(Prediction *p, const PeImage *was)
{
        for (size_t i = 0; i < p->n; i++)
                if (slot_is_image(&p->slots[i]) &&
                    slot_was(p, &p->slots[i], (Measured){ measured_authenticode, was }))
                        return (long)i;
        return NOT_FOUND;
}

static const char *kind_name(PredictedImage kind)
{
        static const char *const names[] = { "image", "shim", "GRUB", "systemd-boot", "kernel", "UKI" };

        return names[kind];
}

/* The first event of the image that changes. */
static int find(Prediction *p, const ImageChange *change, const PeImage *was, size_t *ret)
{
        long i;

        if (change->was.size > 0) {
                i = by_hash(p, was);
                if (i == NOT_FOUND)
                        return error_set(EVENTLOG_E_CONTRADICTED,
                                         "the log has no event of the %s that is said to be today's",
                                         kind_name(change->kind));
        } else if (change->path) {
                i = by_path(p, change->path);
                if (i == NOT_FOUND)
                        return error_set(EVENTLOG_E_NOT_MEASURED, "the log has no image at %s", change->path);
        } else {
                i = by_role(p, change->kind);
                if (i == NOT_FOUND)
                        return error_set(EVENTLOG_E_NOT_MEASURED, "no image of the log is known to be a %s",
                                         kind_name(change->kind));
        }
        *ret = (size_t)i;
        return 0;
}

/* ---- the change ----------------------------------------------------------------------------------------- */

static bool same_digests(const Prediction *p, const Event *a, const Event *b)
{
        for (size_t i = 0; i < p->log->n_banks; i++) {
                Bytes x, y;

                if (eventlog_event_digest(p->log, a, p->log->banks[i], &x) != 0 ||
                    eventlog_event_digest(p->log, b, p->log->banks[i], &y) != 0 || !bytes_equal(x, y))
                        return false;
        }
        return true;
}

/* All loads of the same image: shim measures what it verifies, and firmware what is loaded. */
static int put_image(Prediction *p, const NewImage *image)
{
        const Event *today = p->slots[image->slot].today;
        char path[PATH_SIZE], text[PREDICTION_TEXT_SIZE];

        for (size_t i = 0; i < p->n; i++) {
                Text t;
                int r;

                if (!slot_is_image(&p->slots[i]) || !same_digests(p, p->slots[i].today, today)) continue;
                if (event_is_stub_payload(p->slots[i].today)) continue; /* it comes out of a UKI, from no file */
                IGNORE_RESULT(event_image_path(p->slots[i].today, path, sizeof(path)));
                text_init(&t, text, sizeof(text));
                text_format(&t, "%s: ", kind_name(image->kind));
                text_utf8(&t, BYTES(path, strlen(path)));
                r = slot_put(p, i, PREDICTED_CHANGED, (Measured){ measured_authenticode, &image->now }, text);
                if (r < 0) return r;
        }
        return 0;
}

/* GRUB hashes the files that it reads: the kernel is one of them. */
static int put_grub_kernel(Prediction *p, const ImageChange *change)
{
        bool found = false;

        for (size_t i = 0; i < p->n; i++) {
                int r;

                if (!slot_is(&p->slots[i], PCR_KERNEL, EV_IPL)) continue;
                if (!slot_was_bytes(p, &p->slots[i], change->was)) continue;
                r = slot_put_parts(p, i, &change->now, 1, "the kernel, as a file that GRUB reads");
                if (r < 0) return r;
                found = true;
        }
        if (found || !grub_reads_files(p)) return 0;
        return pcr_unknown(p, PCR_KERNEL, "no file that GRUB read is today's kernel");
}

/* Without today's kernel: one file of PCR 9 may be called like one. */
static int find_grub_kernel(Prediction *p, const ImageChange *change)
{
        long found = NOT_FOUND;

        for (size_t i = 0; i < p->n; i++) {
                const Bytes name = p->slots[i].today ? p->slots[i].today->data : (Bytes){ 0 };

                if (!slot_is(&p->slots[i], PCR_KERNEL, EV_IPL)) continue;
                if (!memmem(name.data, name.size, "vmlinu", 6)) continue;
                if (found != NOT_FOUND)
                        return pcr_unknown(p, PCR_KERNEL, "which file of GRUB is the kernel: give today's");
                found = (long)i;
        }
        if (found == NOT_FOUND)
                return grub_reads_files(p)
                               ? pcr_unknown(p, PCR_KERNEL, "which file of GRUB is the kernel: give today's")
                               : 0;
        return slot_put_parts(p, (size_t)found, &change->now, 1, "the kernel, as a file that GRUB reads");
}

int prediction_image(Prediction *p, const ImageChange *change)
{
        NewImage *image = &p->images[p->n_images];
        int r;

        if (p->n_images == PREDICTION_IMAGES_MAX)
                return error_set(-E2BIG, "more than %d images", PREDICTION_IMAGES_MAX);
        *image = (NewImage){ .kind = change->kind, .has_was = change->was.size > 0 };
        r = pe_parse(change->now, &image->now);
        if (r < 0) return error_prefix(r, "the new %s", kind_name(change->kind));
        if (image->has_was) r = pe_parse(change->was, &image->was);
        if (r < 0) return error_prefix(r, "today's %s", kind_name(change->kind));
        r = find(p, change, &image->was, &image->slot);
        if (r != 0) return r;
        p->n_images++;
        r = put_image(p, image);
        if (r == 0 && change->kind == PREDICT_KERNEL)
                r = image->has_was ? put_grub_kernel(p, change) : find_grub_kernel(p, change);
        return r == 0 && change->kind == PREDICT_UKI ? predict_uki(p, image) : r;
}
