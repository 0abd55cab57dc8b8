#include "recv/ddrecv.h"

int main(int argc, char **argv)
{
    return dd_receiver_main(argc, argv);
}
