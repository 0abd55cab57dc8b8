#include "recv/ddrecv.h"

int main(int argc, char **argv)
{
    return dd_ddrecv_main(argc, argv);
}
