#include "send/capture/source_table.h"

#include <stddef.h>

#include "send/capture/rtsp/rtsp_source.h"
#include "send/capture/testcard.h"
#include "send/capture/vnc/vnc_source.h"
#include "send/capture/web/web_source.h"
#include "send/options.h"

static const struct dd_source_kind *const kinds[] = {
    [DD_SEND_RTSP] = &dd_rtsp_source,
    [DD_SEND_VNC] = &dd_vnc_source,
    [DD_SEND_WEB] = &dd_web_source,
    [DD_SEND_TEST] = &dd_testcard,
};

const struct dd_source_kind *dd_source_table_find(int64_t mode)
{
    if (mode < 0 || (size_t)mode >= sizeof kinds / sizeof *kinds)
        return NULL;
    return kinds[mode];
}
