// A VFS of SQLite over the one of Unix: passes everything on, and syncs what it writes in pieces.
//
// Layout of an open file: SteadyFile, then the file of the VFS below, in one piece of memory that SQLite gives.

#include "CSteadyVFS.h"

#include <string.h>

typedef struct {
    sqlite3_file base;
    // Whether writes are counted: always those of a WAL, of a database those of a checkpoint.
    int is_wal;
    int is_in_checkpoint;
    // Bytes written since the last sync, below METERFOLD_STEADY_BYTES between calls.
    sqlite3_int64 unsynced;
    long added_syncs;
} SteadyFile;

static sqlite3_vfs steady;
static sqlite3_vfs *below_vfs;

static SteadyFile *steady_of(sqlite3_file *file) { return (SteadyFile *)file; }
static sqlite3_file *below(sqlite3_file *file) { return (sqlite3_file *)(steady_of(file) + 1); }

static int steady_close(sqlite3_file *f) { return below(f)->pMethods->xClose(below(f)); }

static int steady_read(sqlite3_file *f, void *bytes, int count, sqlite3_int64 at) {
    return below(f)->pMethods->xRead(below(f), bytes, count, at);
}

static int steady_write(sqlite3_file *f, const void *bytes, int count, sqlite3_int64 at) {
    int code = below(f)->pMethods->xWrite(below(f), bytes, count, at);
    SteadyFile *file = steady_of(f);
    if (code != SQLITE_OK || !(file->is_wal || file->is_in_checkpoint)) return code;
    file->unsynced += count;
    if (file->unsynced < METERFOLD_STEADY_BYTES) return SQLITE_OK;
    file->unsynced = 0;
    file->added_syncs += 1;
    return below(f)->pMethods->xSync(below(f), SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

static int steady_truncate(sqlite3_file *f, sqlite3_int64 size) {
    return below(f)->pMethods->xTruncate(below(f), size);
}

static int steady_sync(sqlite3_file *f, int flags) {
    steady_of(f)->unsynced = 0;
    return below(f)->pMethods->xSync(below(f), flags);
}

static int steady_file_size(sqlite3_file *f, sqlite3_int64 *size) {
    return below(f)->pMethods->xFileSize(below(f), size);
}

static int steady_lock(sqlite3_file *f, int level) { return below(f)->pMethods->xLock(below(f), level); }
static int steady_unlock(sqlite3_file *f, int level) { return below(f)->pMethods->xUnlock(below(f), level); }

static int steady_check_reserved_lock(sqlite3_file *f, int *is_reserved) {
    return below(f)->pMethods->xCheckReservedLock(below(f), is_reserved);
}

static int steady_file_control(sqlite3_file *f, int operation, void *argument) {
    if (operation == SQLITE_FCNTL_CKPT_START) steady_of(f)->is_in_checkpoint = 1;
    if (operation == SQLITE_FCNTL_CKPT_DONE) steady_of(f)->is_in_checkpoint = 0;
    return below(f)->pMethods->xFileControl(below(f), operation, argument);
}

static int steady_sector_size(sqlite3_file *f) { return below(f)->pMethods->xSectorSize(below(f)); }
static int steady_characteristics(sqlite3_file *f) { return below(f)->pMethods->xDeviceCharacteristics(below(f)); }

static int steady_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **mapped) {
    return below(f)->pMethods->xShmMap(below(f), page, size, extend, mapped);
}

static int steady_shm_lock(sqlite3_file *f, int offset, int count, int flags) {
    return below(f)->pMethods->xShmLock(below(f), offset, count, flags);
}

static void steady_shm_barrier(sqlite3_file *f) { below(f)->pMethods->xShmBarrier(below(f)); }
static int steady_shm_unmap(sqlite3_file *f, int deletes) { return below(f)->pMethods->xShmUnmap(below(f), deletes); }

static int steady_fetch(sqlite3_file *f, sqlite3_int64 at, int count, void **bytes) {
    return below(f)->pMethods->xFetch(below(f), at, count, bytes);
}

static int steady_unfetch(sqlite3_file *f, sqlite3_int64 at, void *bytes) {
    return below(f)->pMethods->xUnfetch(below(f), at, bytes);
}

static const sqlite3_io_methods steady_methods = {
    .iVersion = 3,
    .xClose = steady_close,
    .xRead = steady_read,
    .xWrite = steady_write,
    .xTruncate = steady_truncate,
    .xSync = steady_sync,
    .xFileSize = steady_file_size,
    .xLock = steady_lock,
    .xUnlock = steady_unlock,
    .xCheckReservedLock = steady_check_reserved_lock,
    .xFileControl = steady_file_control,
    .xSectorSize = steady_sector_size,
    .xDeviceCharacteristics = steady_characteristics,
    .xShmMap = steady_shm_map,
    .xShmLock = steady_shm_lock,
    .xShmBarrier = steady_shm_barrier,
    .xShmUnmap = steady_shm_unmap,
    .xFetch = steady_fetch,
    .xUnfetch = steady_unfetch,
};

static int steady_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags) {
    (void)vfs;
    memset(f, 0, sizeof(SteadyFile));
    steady_of(f)->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    int code = below_vfs->xOpen(below_vfs, name, below(f), flags, out_flags);
    // SQLite closes a file that failed to open where it has methods.
    f->pMethods = below(f)->pMethods ? &steady_methods : NULL;
    return code;
}

int meterfold_steady_vfs_install(void) {
    below_vfs = sqlite3_vfs_find(NULL);
    // Its files have all methods of version 3, and are no larger than it says.
    if (!below_vfs || strcmp(below_vfs->zName, "unix") != 0) return SQLITE_ERROR;
    steady = *below_vfs;
    steady.zName = "meterfold-steady";
    steady.pNext = NULL;
    steady.szOsFile = (int)sizeof(SteadyFile) + below_vfs->szOsFile;
    steady.xOpen = steady_open;
    return sqlite3_vfs_register(&steady, 1);
}

static long added_syncs(sqlite3 *connection, int which) {
    sqlite3_file *file = NULL;
    sqlite3_file_control(connection, "main", which, &file);
    return file && file->pMethods == &steady_methods ? steady_of(file)->added_syncs : 0;
}

long meterfold_steady_vfs_database_syncs(sqlite3 *connection) {
    return added_syncs(connection, SQLITE_FCNTL_FILE_POINTER);
}

long meterfold_steady_vfs_wal_syncs(sqlite3 *connection) {
    return added_syncs(connection, SQLITE_FCNTL_JOURNAL_POINTER);
}
