"""Every attack there is, in the order in which they are made."""

import disk
import large
import many
import slow

ATTACKS = [
    large.giant, large.nested, large.bombs, many.connections, many.tiny_connections, many.one_instant, many.devices,
    disk.full_disk, slow.unread, slow.slow_lines, slow.slow_http,
]
