"""Every tolerance of the checks, by the floating-point type of the potential, each with its reason.

Where the measured scatter of a potential is larger than these, `NOISE_MULTIPLE` times the scatter counts instead: noise
is judged once, by the check of that name, and not again as a broken symmetry. The same holds for what a calculator
carries over from the last geometry although it was told to forget.
"""

from dataclasses import dataclass

NOISE_MULTIPLE = 8.0
"""The largest of the 3N differences between two noisy calls lies below this many standard deviations."""

CARRIED_MULTIPLE = 4.0
"""What two calls may differ by where each differs from a fresh start by what the last geometry left."""


@dataclass(frozen=True)
class Tolerances:
    """Largest differences that pass.

    Attributes:
        eps: spacing of floating-point numbers at 1.
        energy: eV, between two evaluations that mean the same.
        forces: eV/angstrom, largest component, between two evaluations that mean the same.
        history_energy: eV, between a fresh start and one that carries something over from the last geometry.
        history_forces: eV/angstrom, likewise.
        gradient: eV/angstrom, between forces and central differences of the energy.
        gradient_relative: part of the largest force, added to that.
        asymmetry: ||J - J^T|| / ||J||.
        net_force: eV/angstrom.
        net_torque: eV.
        far_energy: eV, two copies 50 angstrom apart against twice one.
        far_forces: eV/angstrom, likewise.
        energy_jump: eV, along a path.
        energy_jump_relative: part of the range of the energy along the path, added to that.
        force_jump: eV/angstrom, along a path.
        force_jump_relative: part of the largest force on the path, added to that.
        stress_relative: part of the largest component of the stress.
        stress: eV/angstrom^3, added to that.
    """

    eps: float
    energy: float
    forces: float
    history_energy: float
    history_forces: float
    gradient: float
    gradient_relative: float
    asymmetry: float
    net_force: float
    net_torque: float
    far_energy: float
    far_forces: float
    energy_jump: float
    energy_jump_relative: float
    force_jump: float
    force_jump_relative: float
    stress_relative: float
    stress: float


FLOAT64 = Tolerances(
    eps=2.2e-16,
    # Double precision leaves 1e-12 eV; iterative methods that stop early leave up to 1e-7.
    energy=1e-6,
    forces=1e-5,
    # A self-consistent cycle that starts from the last density ends 2e-5 eV/angstrom away in GFN2-xTB, and ten times
    # farther at looser convergence. What is left over from another molecule costs 1e-2 and more.
    history_energy=1e-5,
    history_forces=1e-3,
    # With steps of 1e-3 angstrom the differences of a smooth potential are good to 1e-4; direct forces miss by 1e-2.
    gradient=1e-3,
    # What they miss grows with the steepness; of forces of some eV/angstrom this is nothing.
    gradient_relative=1e-4,
    # The same error over force constants of 10 to 100 eV/angstrom^2.
    asymmetry=1e-3,
    # Sums of N forces that are each good to 1e-7.
    net_force=1e-5,
    # GFN2-xTB at its default accuracy leaves 2e-5 eV: its density is not quite converged.
    net_torque=1e-4,
    # Two dipoles of 10 debye, as of a peptide, at 50 angstrom: 1e-3 eV, and 3e-4 eV/angstrom on an atom with half a
    # charge.
    far_energy=1e-3,
    far_forces=5e-4,
    # Extrapolated to steps of zero length, a smooth curve leaves 1e-6; a crossing of 5e-4 a step heats MD visibly.
    energy_jump=5e-4,
    energy_jump_relative=1e-6,
    # Likewise; what is left grows with the forces, which are large where a bond is compressed.
    force_jump=0.02,
    force_jump_relative=1e-3,
    # Strains of 1e-3: the third derivative contributes up to 0.1%.
    stress_relative=0.01,
    stress=1e-5,
)

FLOAT32 = Tolerances(
    eps=1.2e-7,
    # 1e-7 of a total energy of some 1000 eV, and a few roundings.
    energy=1e-3,
    forces=1e-3,
    history_energy=1e-3,
    history_forces=1e-3,
    # Steps grow to 1e-2 angstrom, so that rounding and curvature both leave a few meV/angstrom.
    gradient=1e-2,
    gradient_relative=1e-4,
    asymmetry=1e-2,
    # Rounding of N forces of some eV/angstrom: 1e-5; ten times that where sums run in another order.
    net_force=5e-4,
    net_torque=2e-3,
    far_energy=2e-3,
    far_forces=1e-3,
    energy_jump=2e-3,
    energy_jump_relative=1e-5,
    force_jump=0.02,
    force_jump_relative=1e-3,
    # Energies good to 1e-4 eV over strains of 1e-2 leave some percent of a small stress.
    stress_relative=0.03,
    stress=1e-4,
)

BY_DTYPE = {"float32": FLOAT32, "float64": FLOAT64}

LARGEST_FORCE = 100.0
"""eV/angstrom on the slightly displaced test molecule: beyond, it is nothing that the potential was made for."""

STIFFNESS = 100.0
"""Force constant of a stiff bond, eV/angstrom^2: what a rounded position costs in force."""

STRONG_FORCE = 20.0
"""A strong force, eV/angstrom: what a rounded position costs in energy."""

THIRD_DERIVATIVE = 200.0
"""Of the energy along a stiff bond, eV/angstrom^3: sets the step of central differences."""

DRIFT_WARN = 0.01
"""meV/atom/ps of apparent NVE drift from noise alone: what GFN2-xTB itself leaves; a slope below means nothing."""

DRIFT_FAIL = 1.0
"""meV/atom/ps: as if the system warmed by 4 K every picosecond, more than any drift of interest."""
