// SPDX-License-Identifier: MIT
/* What every spawn of the benchmarks runs: a static program that ends at once. */

int main(void)
{
	return 0;
}
