/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who vouches for an image that changes, and whether that changes PCR 7. See predict-database.c for who measures
 * what. The rules err towards unknown: which entry verified an image whose file is not at hand is only known where
 * its event stands right before the image's. */

#include "eventlog/predict-internal.h"

#include "base/error.h"
#include "crypto/authenticode.h"
#include "eventlog/signature.h"
#include "eventlog/variable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NONE = -1, AUTHORITY_MAX = 64 * 1024 };

static const uint8_t security_guid[16] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                           0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };

static bool is_authority(const Slot *slot, Variable *ret)
{
        return slot_is(slot, PCR_SECURE_BOOT, EV_EFI_VARIABLE_AUTHORITY) &&
               variable_parse(slot->today->data, ret) == 0;
}

/* Firmware's: an entry of the image security database. shim's are of other names. */
static bool is_firmware_authority(const Slot *slot, Variable *ret)
{
        return is_authority(slot, ret) && variable_is(ret, "db") &&
               bytes_equal(ret->guid, BYTES_ARRAY(security_guid));
}

/* Today's value of db or dbx, or the next one. */
static Bytes database(const Prediction *p, int which)
{
        static const char *const names[] = { [DATABASE_DB] = "db", [DATABASE_DBX] = "dbx" };
        Variable v;

        if (p->database_changed[which]) return p->databases[which];
        for (size_t i = 0; i < p->n; i++)
                if (slot_is(&p->slots[i], PCR_SECURE_BOOT, EV_EFI_VARIABLE_DRIVER_CONFIG) &&
                    variable_parse(p->slots[i].today->data, &v) == 0 && variable_is(&v, names[which]))
                        return v.value;
        return (Bytes){ 0 };
}

/* Not proven to be off is on: then a signature has to be found. */
static bool secure_boot_off(const Prediction *p)
{
        for (size_t i = 0; i < p->log->n_banks; i++) {
                bool on = true;

                if (p->prover[i].hasher && eventlog_secure_boot(p->log, p->log->banks[i], &on) == 0) return !on;
        }
        return false;
}

/* ---- verifying an image --------------------------------------------------------------------------------------
 */

/* Whether the signature covers this very image. */
static bool covers(const PeImage *pe, const Authenticode *a)
{
        const HashAlg alg = authenticode_alg(a);
        uint8_t hash[HASH_SIZE_MAX];

        return alg != HASH_SHA1 && pe_authenticode(pe, alg, hash) == 0 &&
               bytes_equal(authenticode_digest(a), BYTES(hash, hash_size((unsigned)alg)));
}

/* Whether a key that chains to this certificate signed the image. */
static bool signed_by(const PeImage *pe, Bytes certificate)
{
        size_t at = 0;
        Bytes pkcs7;

        while (pe_signature_next(pe, &at, &pkcs7) > 0) {
                cleanup_authenticode Authenticode *a = NULL;

                if (authenticode_new(pkcs7, &a) == 0 && covers(pe, a) && authenticode_verify(a, certificate) == 0)
                        return true;
        }
        return false;
}

static bool hash_in(const PeImage *pe, Bytes lists)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(lists);
        uint8_t hash[HASH_SIZE_MAX];
        Signature s;

        if (pe_authenticode(pe, HASH_SHA256, hash) < 0) return false;
        while (signature_next(&c, &s) > 0)
                if (s.kind == SIGNATURE_SHA256 && bytes_equal(s.data, BYTES(hash, SHA256_SIZE))) return true;
        return false;
}

/* The entry of db that firmware finds for the image: for each signature in turn the first certificate that
 * verifies it, else the image's hash. False: the image is refused. */
static bool find_entry(const PeImage *pe, Bytes db, Signature *ret)
{
        size_t at = 0;
        Bytes pkcs7;
        Signature s;

        while (pe_signature_next(pe, &at, &pkcs7) > 0) {
                cleanup_authenticode Authenticode *a = NULL;
                SignatureCursor c = SIGNATURE_CURSOR_INIT(db);

                if (authenticode_new(pkcs7, &a) < 0 || !covers(pe, a)) continue;
                while (signature_next(&c, &s) > 0) {
                        if (s.kind != SIGNATURE_X509 || authenticode_verify(a, s.data) != 0) continue;
                        *ret = s;
                        return true;
                }
        }
        if (!hash_in(pe, db)) return false;
        for (SignatureCursor c = SIGNATURE_CURSOR_INIT(db); signature_next(&c, &s) > 0;) {
                uint8_t hash[HASH_SIZE_MAX];

                if (s.kind != SIGNATURE_SHA256 || pe_authenticode(pe, HASH_SHA256, hash) < 0) continue;
                if (!bytes_equal(s.data, BYTES(hash, SHA256_SIZE))) continue;
                *ret = s;
                return true;
        }
        return false;
}

/* ---- an image that firmware verifies ---------------------------------------------------------------------------
 */

/* The firmware authority between the image and the one before it, NONE if there is none. */
static long own_authority(const Prediction *p, size_t image)
{
        Variable v;

        for (size_t i = image; i > 0; i--) {
                if (slot_is_image(&p->slots[i - 1])) return NONE;
                if (is_firmware_authority(&p->slots[i - 1], &v)) return (long)i - 1;
        }
        return NONE;
}

static bool measured_before(const Prediction *p, size_t image, Bytes entry)
{
        Variable v;

        for (size_t i = 0; i < image; i++)
                if (is_firmware_authority(&p->slots[i], &v) && bytes_equal(v.value, entry)) return true;
        return false;
}

/* Whether firmware verifies another image behind this one, whose entry may or may not have been measured. */
static bool others_follow(const Prediction *p, size_t image)
{
        for (size_t i = image + 1; i < p->n; i++)
                if (slot_is_image(&p->slots[i]) && !event_is_stub_payload(p->slots[i].today)) return true;
        return false;
}

static int put_authority(Prediction *p, size_t slot, const Signature *s)
{
        cleanup_writer Writer w = WRITER_INIT(AUTHORITY_MAX);
        char text[PREDICTION_TEXT_SIZE];
        Bytes data = { 0 };
        Text t;
        int r;

        writer_bytes(&w, BYTES_ARRAY(security_guid));
        writer_le64(&w, 2);
        writer_le64(&w, s->entry.size);
        writer_bytes(&w, BYTES("d\0b\0", 4));
        writer_bytes(&w, s->entry);
        r = writer_finish(&w, &data);
        if (r < 0) return r;
        text_init(&t, text, sizeof(text));
        text_put(&t, "verified by db: ");
        if (s->kind == SIGNATURE_X509) certificate_describe(s->data, &t);
        else text_put(&t, "its hash");
        return slot_put_parts(p, slot, &data, 1, text);
}

static int settle_firmware(Prediction *p, size_t image, const Signature *entry)
{
        const long own = own_authority(p, image);
        Variable v;

        if (measured_before(p, image, entry->entry)) {
                if (own == NONE) return 0;
                IGNORE_RESULT(is_firmware_authority(&p->slots[own], &v));
                if (bytes_equal(v.value, entry->entry)) return 0;
        }
        if (others_follow(p, image))
                return pcr_unknown(p, PCR_SECURE_BOOT,
                                   "another entry of db verifies a new image, and which one "
                                   "verifies those loaded behind it is not known");
        if (own == NONE) {
                int r = slot_insert(p, image, PCR_SECURE_BOOT);

                return r < 0 ? r : put_authority(p, image, entry);
        }
        if (measured_before(p, (size_t)own, entry->entry))
                return slot_gone(p, (size_t)own, "the new image's entry of db was measured before");
        return put_authority(p, (size_t)own, entry);
}

/* ---- an image that shim verifies
 * -------------------------------------------------------------------------------- */

static bool is_behind_shim(const Prediction *p, const NewImage *image)
{
        char path[512];

        if (image->kind == PREDICT_SHIM) return false;
        for (size_t i = 0; i < image->slot; i++) {
                const char *file;

                if (!slot_is_image(&p->slots[i]) || p->slots[i].pcr != PCR_IMAGES) continue;
                IGNORE_RESULT(event_image_path(p->slots[i].today, path, sizeof(path)));
                file = strrchr(path, '\\');
                if (strcasestr(file ? file : path, "shim")) return true;
        }
        /* A removable disk has shim under the name that firmware looks for; its own events say that it ran. */
        for (size_t i = 0; i < p->n; i++)
                if (slot_is(&p->slots[i], PCR_SHIM, EV_IPL)) return image->kind != PREDICT_SYSTEMD_BOOT;
        return false;
}

/* shim measured, after it started, each certificate with which it verified. If one of them, and none of db's that
 * it was not, verifies the new image, nothing changes. */
static int settle_shim(Prediction *p, const NewImage *image)
{
        Signature entry;
        bool known = false;

        for (size_t i = 0; i < p->n && !known; i++) {
                Variable v;

                if (!is_authority(&p->slots[i], &v) || v.value.size < 2) continue;
                if (is_firmware_authority(&p->slots[i], &v) && v.value.size > 16)
                        known = signed_by(&image->now, BYTES(v.value.data + 16, v.value.size - 16));
                else if (v.value.data[0] == 0x30) known = signed_by(&image->now, v.value);
                if (known && !is_firmware_authority(&p->slots[i], &v) &&
                    find_entry(&image->now, database(p, DATABASE_DB), &entry) && entry.kind == SIGNATURE_X509 &&
                    !bytes_equal(entry.data, v.value))
                        known = false;
        }
        if (known) return 0;
        return pcr_unknown(p, PCR_SECURE_BOOT,
                           "shim would verify a new image with a certificate that it did not use today");
}

/* shim itself measures a revocation level, its certificates and lists: only the same ones are the same. */
static int settle_new_shim(Prediction *p, const NewImage *image)
{
        static const char *const held[] = { ".vendor_cert", ".sbatlevel" };
        static const uint32_t pcrs[] = { PCR_SHIM, PCR_SECURE_BOOT };

        for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
                const PeSection *now = pe_section(&image->now, held[i]);
                const PeSection *was = image->has_was ? pe_section(&image->was, held[i]) : NULL;
                int r;

                if (image->has_was && !now && !was) continue;
                if (now && was && bytes_equal(pe_section_content(now), pe_section_content(was))) continue;
                r = pcr_unknown(p, pcrs[i], "whether the new shim has another %s is not known%s", held[i],
                                image->has_was ? "" : ": give today's shim");
                if (r < 0) return r;
        }
        return 0;
}

/* ---- databases against images that stay
 * --------------------------------------------------------------------------- */

/* An entry that verified an image today does so tomorrow, if nothing that was not there can come before it. */
static bool entry_stays(const Prediction *p, Bytes entry)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(p->databases[DATABASE_DB]);
        Signature s;

        while (signature_next(&c, &s) > 0) {
                if (bytes_equal(s.entry, entry)) return true;
                if (s.kind == SIGNATURE_X509 && !signatures_hold(p->old_db, &s)) return false;
        }
        return false;
}

static int settle_db(Prediction *p)
{
        Variable v;

        for (size_t i = 0; i < p->n; i++) {
                if (p->slots[i].kind != PREDICTED_SAME || !is_firmware_authority(&p->slots[i], &v)) continue;
                if (entry_stays(p, v.value)) continue;
                return pcr_unknown(p, PCR_SECURE_BOOT,
                                   "the entry of db that verified an image today may not be the one tomorrow");
        }
        return 0;
}

/* An image of today whose hash the new dbx has will not be loaded. */
static int settle_dbx(Prediction *p)
{
        for (size_t i = 0; i < p->n; i++) {
                SignatureCursor c = SIGNATURE_CURSOR_INIT(p->databases[DATABASE_DBX]);
                Bytes digest = { 0 };
                Signature s;
                int r = 0;

                if (!slot_is_image(&p->slots[i]) || p->slots[i].kind != PREDICTED_SAME) continue;
                if (eventlog_event_digest(p->log, p->slots[i].today, HASH_SHA256, &digest) != 0) continue;
                while (r == 0 && signature_next(&c, &s) > 0)
                        if (s.kind == SIGNATURE_SHA256 && bytes_equal(s.data, digest))
                                r = slot_unknown(p, i, "the new dbx forbids this image: it will not be loaded");
                if (r < 0) return r;
        }
        return 0;
}

/* ---- all of it
 * ------------------------------------------------------------------------------------------------------ */

static int settle_image(Prediction *p, NewImage *image)
{
        Signature entry;
        int r;

        if (p->slots[image->slot].kind == PREDICTED_SAME) return 0;
        if (image->kind == PREDICT_SHIM) {
                r = settle_new_shim(p, image);
                if (r < 0) return r;
        }
        if (secure_boot_off(p)) return 0;
        if (is_behind_shim(p, image)) return settle_shim(p, image);
        if (hash_in(&image->now, database(p, DATABASE_DBX)))
                return slot_unknown(p, image->slot, "dbx forbids the new image: it will not be loaded");
        if (!find_entry(&image->now, database(p, DATABASE_DB), &entry))
                return slot_unknown(p, image->slot,
                                    "nothing in db verifies the new image: Secure Boot refuses it");
        return settle_firmware(p, image->slot, &entry);
}

int settle_authorities(Prediction *p)
{
        int r = 0;

        for (size_t i = 0; i < p->n_images && r == 0; i++) r = settle_image(p, &p->images[i]);
        if (r == 0 && p->database_changed[DATABASE_DB] && !secure_boot_off(p)) r = settle_db(p);
        if (r == 0 && p->database_changed[DATABASE_DBX] && !secure_boot_off(p)) r = settle_dbx(p);
        return r;
}
