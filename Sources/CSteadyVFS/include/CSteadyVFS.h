#ifndef CSTEADYVFS_H
#define CSTEADYVFS_H

#include <sqlite3.h>

/// How much of a WAL, or of a database that one is copied back into, waits for a sync at most, in bytes.
#define METERFOLD_STEADY_BYTES (1 << 20)

/// Makes SQLite sync WALs, and databases while WALs are copied back into them, each `METERFOLD_STEADY_BYTES` that it
/// writes, in addition to when it would. All else is as it was, databases written without a WAL too.
///
/// What SQLite syncs at once after a checkpoint is as long as the WAL was, and whoever syncs another file of the same
/// disk meanwhile waits until all of it is written: so it is written in pieces, between which others come to their turn.
///
/// For all connections that are opened from then on; to be called once, before the first. Returns SQLite's code:
/// SQLITE_ERROR where its default VFS is not the plain one of Unix, which is then left alone.
int meterfold_steady_vfs_install(void);

/// How many syncs were added for a connection's database, and for its WAL: 0 where it was opened without this.
long meterfold_steady_vfs_database_syncs(sqlite3 *connection);
long meterfold_steady_vfs_wal_syncs(sqlite3 *connection);

#endif
